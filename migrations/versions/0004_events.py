"""Create domain events and their deliveries

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

from myapp.platform.database.types import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("aggregate", sa.String(32), nullable=False),
        sa.Column("aggregate_id", sa.String(36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("request_id", sa.String(128), nullable=True),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.UniqueConstraint("aggregate", "aggregate_id", "version", "type", name="uq_events_aggregate_version_type"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_aggregate", "events", ["aggregate", "aggregate_id", "id"])
    op.create_index("ix_events_occurred_at", "events", ["occurred_at", "id"])
    op.create_table(
        "event_deliveries",
        sa.Column("event_id", BIG_ID, nullable=False),
        sa.Column("handler", sa.String(64), nullable=False),
        sa.Column("aggregate", sa.String(32), nullable=False),
        sa.Column("aggregate_id", sa.String(36), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("error", sa.String(500), nullable=True),
        sa.PrimaryKeyConstraint("event_id", "handler", name="pk_event_deliveries"),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name="fk_event_deliveries_event_id_events"),
        sa.CheckConstraint("state IN ('pending', 'delivered', 'dead')", name="ck_event_deliveries_state"),
    )
    for name, state, columns in (
        ("ix_event_deliveries_pending", "pending", ["handler", "aggregate", "aggregate_id", "event_id"]),
        ("ix_event_deliveries_due", "pending", ["handler", "next_at", "event_id"]),
        ("ix_event_deliveries_delivered", "delivered", ["finished_at"]),
        ("ix_event_deliveries_dead", "dead", ["event_id"]),
    ):
        where = sa.text(f"state = '{state}'")
        op.create_index(name, "event_deliveries", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_table("event_deliveries")
    op.drop_table("events")
