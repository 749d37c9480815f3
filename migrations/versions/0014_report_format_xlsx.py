"""Reports may be workbooks

An older release cannot read a report in this format: its lists of reports fail as long as one is there, and its workers
write it as CSV. Ask for workbooks when its processes have stopped.

Revision: 0014, after 0013
"""

from alembic import op

from myapp.platform.database.online_schema import alter

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

NAME = "ck_reports_format"


def upgrade() -> None:
    allow("'pdf', 'csv', 'xlsx'")


def downgrade() -> None:
    op.execute("DELETE FROM reports WHERE format = 'xlsx'")
    allow("'pdf', 'csv'")


def allow(formats: str) -> None:
    if op.get_context().dialect.name == "sqlite":
        with op.batch_alter_table("reports") as reports:  # SQLite can only build the table anew
            reports.drop_constraint(NAME, type_="check")
            reports.create_check_constraint(NAME, f"format IN ({formats})")
        return
    replace = f"DROP CONSTRAINT IF EXISTS {NAME}, ADD CONSTRAINT {NAME} CHECK (format IN ({formats})) NOT VALID"
    with op.get_context().autocommit_block():
        alter(op.get_bind(), f"ALTER TABLE reports {replace}")
        op.execute(f"ALTER TABLE reports VALIDATE CONSTRAINT {NAME}")
