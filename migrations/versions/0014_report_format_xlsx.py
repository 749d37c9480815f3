"""Reports may be workbooks

The constraint becomes wider, so a release that knows only the old formats works as before.

Revision: 0014, after 0013
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    allow("'pdf', 'csv', 'xlsx'")


def downgrade() -> None:
    op.execute("DELETE FROM reports WHERE format = 'xlsx'")
    allow("'pdf', 'csv'")


def allow(formats: str) -> None:
    with op.batch_alter_table("reports") as reports:  # SQLite can only build the table anew
        reports.drop_constraint("ck_reports_format", type_="check")
        reports.create_check_constraint("ck_reports_format", f"format IN ({formats})")
