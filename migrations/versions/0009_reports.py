"""Create reports

Revision: 0009, after 0008
"""

import sqlalchemy as sa
from alembic import op

from myapp.platform.database.types import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATES = "'queued', 'running', 'done', 'failed', 'cancelled', 'expired'"
AWAITED = sa.text("lease_until IS NOT NULL")
DONE = sa.text("state = 'done'")


def upgrade() -> None:
    op.create_table(
        "reports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("format", sa.String(8), nullable=False),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("email", sa.String(254), nullable=True),
        sa.Column("period_start", UtcDateTime(), nullable=True),
        sa.Column("period_end", UtcDateTime(), nullable=True),
        sa.Column("inline", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.String(500), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("link_key", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("format IN ('pdf', 'csv')", name="ck_reports_format"),
        sa.CheckConstraint(f"state IN ({STATES})", name="ck_reports_state"),
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name="ck_reports_progress"),
        sa.CheckConstraint("period_start < period_end", name="ck_reports_period"),
        sa.PrimaryKeyConstraint("id", name="pk_reports"),
    )
    op.create_index("ix_reports_owner", "reports", ["owner", "created_at", "id"])
    op.create_index("ix_reports_created_at", "reports", ["created_at", "id"])
    for name, column, where in (
        ("ix_reports_lease_until", "lease_until", AWAITED),
        ("ix_reports_expires_at", "expires_at", DONE),
    ):
        op.create_index(name, "reports", [column], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_table("reports")
