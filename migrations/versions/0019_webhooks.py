"""Create webhooks

An older release delivers nothing to webhooks, and its changes reach them only by ``POST …/recover``.

Revision: 0019, after 0018
"""

import sqlalchemy as sa
from alembic import op

from myapp.platform.database.online_schema import create_index
from myapp.platform.database.types import UtcDateTime

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ERRORS = (
    "'name_not_found', 'address_refused', 'connection_failed', 'tls_failed', 'timeout', 'invalid_answer',"
    " 'unexpected_status'"
)
OF_SOURCE = "handler LIKE '%:%'"


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("event_types", sa.JSON(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.String(16), nullable=True),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("previous_key", sa.LargeBinary(), nullable=True),
        sa.Column("previous_secret_until", UtcDateTime(), nullable=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("email", sa.String(254), nullable=True),
        sa.Column("failing_since", UtcDateTime(), nullable=True),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("disabled_reason IN ('gone', 'failing')", name="ck_webhooks_disabled_reason"),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
        if_not_exists=True,
    )
    op.create_index("ix_webhooks_created_at", "webhooks", ["created_at", "id"], if_not_exists=True)
    op.create_table(
        "webhook_attempts",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", BigId, nullable=False),
        sa.Column("attempted_at", UtcDateTime(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(32), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.CheckConstraint(f"error IN ({ERRORS})", name="ck_webhook_attempts_error"),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], name="fk_webhook_attempts_webhook_id_webhooks"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_attempts"),
        sqlite_autoincrement=True,
        if_not_exists=True,
    )
    op.create_index(
        "ix_webhook_attempts_delivery", "webhook_attempts", ["webhook_id", "event_id", "id"], if_not_exists=True
    )
    op.create_index("ix_webhook_attempts_attempted_at", "webhook_attempts", ["attempted_at"], if_not_exists=True)
    name = "ix_event_deliveries_of_source"
    if op.get_context().dialect.name == "sqlite":
        op.create_index(
            name, "event_deliveries", ["handler", "event_id"], sqlite_where=sa.text(OF_SOURCE), if_not_exists=True
        )
        return
    with op.get_context().autocommit_block():
        create_index(op.get_bind(), name, f"event_deliveries (handler, event_id) WHERE {OF_SOURCE}")


def downgrade() -> None:
    op.execute(f"DELETE FROM event_deliveries WHERE {OF_SOURCE}")
    op.execute("DELETE FROM event_deliveries WHERE handler = 'webhook-fan-out'")
    op.drop_index("ix_event_deliveries_of_source", "event_deliveries")
    op.drop_table("webhook_attempts")
    op.drop_table("webhooks")
