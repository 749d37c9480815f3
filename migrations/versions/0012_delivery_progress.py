"""Store the progress of a delivery

Revision: 0012, after 0011
"""

import sqlalchemy as sa
from alembic import op

from myapp.platform.database.online_schema import alter

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        op.add_column("event_deliveries", sa.Column("progress", sa.JSON(), nullable=True))
        return
    with op.get_context().autocommit_block():
        alter(op.get_bind(), "ALTER TABLE event_deliveries ADD COLUMN IF NOT EXISTS progress JSON")


def downgrade() -> None:
    op.drop_column("event_deliveries", "progress")
