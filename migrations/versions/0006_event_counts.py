"""Create the daily counts of events for analytics

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

from myapp.platform.database.types import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event_counts",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("count > 0", name="ck_event_counts_count_positive"),
        sa.PrimaryKeyConstraint("day", "type", name="pk_event_counts"),
    )


def downgrade() -> None:
    op.drop_table("event_counts")
