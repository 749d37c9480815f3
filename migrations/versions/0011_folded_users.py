"""Fold names and addresses of users anew, for searches and sorted lists

The same as 0010 for products, without indexes for words and keys: lists of users never had any.

Revision: 0011, after 0010
"""

from contextlib import nullcontext
from typing import Any

import sqlalchemy as sa
from alembic import op

from myapp.platform.database.online_schema import alter, create_index
from myapp.platform.fold import fold, sort_key

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BATCH = 2000
UNFOLDED = "UNFOLDED"
IS_UNFOLDED = f"search_fold = '{UNFOLDED}'"
INDEX = "ix_users_unfolded"
COLUMNS = {"search_fold": 6400, "email_sort": 300, "name_sort": 300}

USERS = sa.table(
    "users",
    sa.column("id", sa.Uuid()),
    sa.column("email", sa.String()),
    sa.column("name", sa.String()),
    sa.column("search_fold", sa.String()),
    sa.column("email_sort", sa.String()),
    sa.column("name_sort", sa.String()),
)
NEXT = (
    sa.select(USERS.c.id, USERS.c.email, USERS.c.name)
    .where(USERS.c.search_fold == UNFOLDED, sa.or_(sa.bindparam("first"), USERS.c.id > sa.bindparam("after_id")))
    .order_by(USERS.c.id)
    .limit(BATCH)
)
# The name again: an older release may have changed it since it was read.
SET = (
    sa.update(USERS)
    .where(USERS.c.id == sa.bindparam("an_id"), sa.func.coalesce(USERS.c.name, "") == sa.bindparam("a_name"))
    .values(
        search_fold=sa.bindparam("a_fold"),
        email_sort=sa.bindparam("an_email_key"),
        name_sort=sa.bindparam("a_name_key"),
    )
)

FUNCTION = f"""
CREATE OR REPLACE FUNCTION unfold_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  new.search_fold := '{UNFOLDED}';
  RETURN new;
END $$
"""
POSTGRESQL_TRIGGER = (
    "CREATE OR REPLACE TRIGGER users_unfold BEFORE UPDATE OF name ON users FOR EACH ROW"
    " WHEN (new.name IS DISTINCT FROM old.name AND new.search_fold = old.search_fold) EXECUTE FUNCTION unfold_user()"
)
SQLITE_TRIGGER = (
    "CREATE TRIGGER users_unfold AFTER UPDATE OF name ON users"
    f" WHEN new.name IS NOT old.name AND new.search_fold = old.search_fold AND new.search_fold <> '{UNFOLDED}'"
    f" BEGIN UPDATE users SET search_fold = '{UNFOLDED}' WHERE id = new.id; END"
)


def upgrade() -> None:
    context = op.get_context()
    is_postgresql = context.dialect.name == "postgresql"
    with context.autocommit_block() if is_postgresql else nullcontext():
        add_columns(is_postgresql)
        if is_postgresql:
            op.execute(FUNCTION)
            alter(op.get_bind(), POSTGRESQL_TRIGGER)
        fold_users()
        if is_postgresql:
            create_index(op.get_bind(), INDEX, f"users (id) WHERE {IS_UNFOLDED}")
        else:
            op.execute(SQLITE_TRIGGER)
            op.execute(f"CREATE INDEX {INDEX} ON users (id) WHERE {IS_UNFOLDED}")


def add_columns(is_postgresql: bool) -> None:
    """Add the columns. On PostgreSQL, an interrupted run may have added them already."""
    if_not_exists, collation = ("IF NOT EXISTS", 'COLLATE "C"') if is_postgresql else ("", "")
    for name, length in COLUMNS.items():
        rule = f"NOT NULL DEFAULT '{UNFOLDED}'" if name == "search_fold" else collation
        statement = f"ALTER TABLE users ADD COLUMN {if_not_exists} {name} VARCHAR({length}) {rule}"
        if is_postgresql:
            alter(op.get_bind(), statement)
        else:
            op.execute(statement)


def fold_users() -> None:
    connection = op.get_bind()
    last: Any = None
    while users := connection.execute(NEXT, {"first": last is None, "after_id": last}).all():
        connection.execute(SET, [folded(user) for user in users])
        last = users[-1].id


def folded(user: Any) -> dict[str, Any]:
    email, name = user.email or "", user.name or ""
    return {
        "an_id": user.id,
        "a_name": name,
        "a_fold": f"{fold(email)}\n{fold(name)}",
        "an_email_key": None if user.email is None else sort_key(email),
        "a_name_key": None if user.name is None else sort_key(name),
    }


def downgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        op.execute("DROP TRIGGER users_unfold")
    else:
        op.execute("DROP TRIGGER users_unfold ON users")
        op.execute("DROP FUNCTION unfold_user")
    op.execute(f"DROP INDEX {INDEX}")
    for name in COLUMNS:
        op.drop_column("users", name)
