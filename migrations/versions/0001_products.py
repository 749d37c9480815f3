"""Create products, with case-folded names to search in

Revision: 0001
"""

import sqlalchemy as sa
from alembic import op

from myapp.platform.database.types import Money, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "products",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("name_folded", sa.String(300), nullable=False),
        sa.Column("description", sa.String(500), nullable=True),
        sa.Column("price", Money(), nullable=False),
        sa.Column("stock", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("length(name) >= 2", name="ck_products_name_length"),
        sa.CheckConstraint("price > 0", name="ck_products_price_positive"),
        sa.CheckConstraint("stock >= 0", name="ck_products_stock_not_negative"),
        sa.PrimaryKeyConstraint("id", name="pk_products"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_products_active", "products", ["id"], sqlite_where=sa.text("active"), postgresql_where=sa.text("active")
    )


def downgrade() -> None:
    op.drop_table("products")
