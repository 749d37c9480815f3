"""Store the progress of a delivery

Revision: 0010, after 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("event_deliveries", sa.Column("progress", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("event_deliveries", "progress")
