"""Users, and the failed logins that lock them

Revision: authserver_0001
"""

import sqlalchemy as sa
from alembic import op

from myapp.platform.database.types import UtcDateTime

# Not 0001, the name of the API's revision: the API's database must not look migrated if it is configured by mistake.
revision = "authserver_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.String(100), nullable=False),
        sa.Column("username_folded", sa.String(300), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("length(username) >= 1", name="ck_users_username_length"),
        sa.CheckConstraint("CAST(roles AS VARCHAR) NOT LIKE '%:%'", name="ck_users_roles_without_colon"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("username_folded", name="uq_users_username_folded"),
    )
    op.create_table(
        "login_attempts",
        sa.Column("username_folded", sa.String(300), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("failures >= 1", name="ck_login_attempts_failures_positive"),
        sa.PrimaryKeyConstraint("username_folded", "address", name="pk_login_attempts"),
    )
    op.create_index("ix_login_attempts_updated_at", "login_attempts", ["updated_at"])


def downgrade() -> None:
    op.drop_table("login_attempts")
    op.drop_table("users")
