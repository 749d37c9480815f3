"""Record the transaction that writes an event

The feed of events needs it: a transaction can commit after one that began later, so ids alone do not tell which events
are still to come. The database fills the column, also for an older release. Older events get 0: all of them were
committed before. On SQLite the column stays 0, because its one writer commits in the order of the ids.

Revision: 0018, after 0017
"""

import sqlalchemy as sa
from alembic import op

from myapp.platform.database.online_schema import alter, create_index

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

INDEX = "ix_events_feed"
COLUMNS = ["txid", "id", "type"]


def upgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        op.add_column("events", sa.Column("txid", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
        op.create_index(INDEX, "events", COLUMNS)
        return
    with op.get_context().autocommit_block():
        # One statement, so that no event of an open transaction gets 0; the table is not written anew.
        alter(
            op.get_bind(),
            "ALTER TABLE events ADD COLUMN IF NOT EXISTS txid bigint NOT NULL DEFAULT 0,"
            " ALTER COLUMN txid SET DEFAULT (pg_current_xact_id())::text::bigint",
        )
        create_index(op.get_bind(), INDEX, f"events ({', '.join(COLUMNS)})")


def downgrade() -> None:
    op.drop_index(INDEX, "events")
    op.drop_column("events", "txid")
