"""Fold the names of products anew, for searches and for lists by name

The columns ``name_search`` and ``name_sort`` are computed by the live ``fold`` and ``sort_key``, because they must be
what this release computes for queries and for later writes. An older release may read and write all the time. It knows
neither column, so ``name_search`` is UNFOLDED for the names that it writes: by default for new products, by a trigger
for changed names. A sweep of the API folds these within seconds. Versions, times and ``name_folded`` stay.

On PostgreSQL each batch commits, and the indexes are built without blocking writers: after an interruption, the next
start continues. On SQLite all is one transaction: readers go on, writers wait, and the next start begins again.

Revision: 0010, after 0009
"""

import logging
from contextlib import nullcontext

import sqlalchemy as sa
from alembic import op

from myapp.platform.database.online_schema import alter, create_index
from myapp.platform.fold import fold, sort_key

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

BATCH = 2000
UNFOLDED = "UNFOLDED"
IS_UNFOLDED = f"name_search = '{UNFOLDED}'"

PRODUCTS = sa.table(
    "products",
    sa.column("id", sa.Integer()),
    sa.column("name", sa.String()),
    sa.column("name_search", sa.String()),
    sa.column("name_sort", sa.String()),
)
NEXT = (
    sa.select(PRODUCTS.c.id, PRODUCTS.c.name)
    .where(PRODUCTS.c.id > sa.bindparam("after_id", type_=sa.Integer()), PRODUCTS.c.name_search == UNFOLDED)
    .order_by(PRODUCTS.c.id)
    .limit(BATCH)
)
# The name again: an older release may have changed it since it was read.
SET_ONE = (
    sa.update(PRODUCTS)
    .where(PRODUCTS.c.id == sa.bindparam("an_id"), PRODUCTS.c.name == sa.bindparam("a_name"))
    .values(name_search=sa.bindparam("a_search"), name_sort=sa.bindparam("a_sort"))
)
SET_MANY = """
UPDATE products SET name_search = folded.search, name_sort = folded.sort
FROM unnest($1::int[], $2::text[], $3::text[], $4::text[]) AS folded (id, name, search, sort)
WHERE products.id = folded.id AND products.name = folded.name
"""

RENAMED = "new.name IS {not_same} old.name AND new.name_search IS {same} old.name_search"
POSTGRESQL_TRIGGER = f"""
CREATE OR REPLACE FUNCTION unfold_product_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  new.name_search := '{UNFOLDED}';
  RETURN new;
END $$
"""

ENTER = "INSERT INTO product_names_search (rowid, name_search) VALUES (new.id, new.name_search)"
REMOVE = (
    "INSERT INTO product_names_search (product_names_search, rowid, name_search)"
    " VALUES ('delete', old.id, old.name_search)"
)
SQLITE_TRIGGERS = {
    "product_names_search_insert": f"AFTER INSERT ON products BEGIN {ENTER}; END",
    # A statement that does not change the text must not fire it together with the trigger below.
    "product_names_search_update": "AFTER UPDATE OF id, name_search ON products"
    f" WHEN new.id <> old.id OR new.name_search <> old.name_search BEGIN {REMOVE}; {ENTER}; END",
    "product_names_search_delete": f"AFTER DELETE ON products BEGIN {REMOVE}; END",
    "products_unfold_name": "AFTER UPDATE OF name ON products"
    f" WHEN {RENAMED.format(same='', not_same='NOT')} AND new.name_search <> '{UNFOLDED}'"
    f" BEGIN UPDATE products SET name_search = '{UNFOLDED}' WHERE id = new.id; END",
}

INDEXES = {
    "ix_products_name_sort": "(name_sort, id)",
    "ix_products_unfolded": f"(id) WHERE {IS_UNFOLDED}",
}
TRIGRAMS = {"ix_products_name_search_trgm": "USING gin (name_search gin_trgm_ops) WITH (gin_pending_list_limit = 128)"}


def upgrade() -> None:
    context = op.get_context()
    is_postgresql = context.dialect.name == "postgresql"
    with context.autocommit_block() if is_postgresql else nullcontext():
        if is_postgresql:
            expand_postgresql()
        else:
            expand_sqlite()
        fold_names(is_postgresql)
        if is_postgresql:
            index_postgresql()
        else:
            index_sqlite()


def expand_postgresql() -> None:
    """Add columns and trigger. An interrupted run may have added them already."""
    for name, length, default in (("name_search", 1800, UNFOLDED), ("name_sort", 300, "")):
        column = f"{name} varchar({length}) COLLATE \"C\" NOT NULL DEFAULT '{default}'"
        alter(op.get_bind(), f"ALTER TABLE products ADD COLUMN IF NOT EXISTS {column}")
    op.execute(POSTGRESQL_TRIGGER)
    alter(
        op.get_bind(),
        "CREATE OR REPLACE TRIGGER products_unfold_name BEFORE UPDATE OF name ON products FOR EACH ROW"
        f" WHEN ({RENAMED.format(same='NOT DISTINCT FROM', not_same='DISTINCT FROM')})"
        " EXECUTE FUNCTION unfold_product_name()",
    )
    # A large enough sample to tell a word in 1% of the names from one in 0.1%.
    alter(op.get_bind(), "ALTER TABLE products ALTER COLUMN name_search SET STATISTICS 500")


def expand_sqlite() -> None:
    op.add_column("products", sa.Column("name_search", sa.String(1800), nullable=False, server_default=UNFOLDED))
    op.add_column("products", sa.Column("name_sort", sa.String(300), nullable=False, server_default=""))


def fold_names(is_postgresql: bool) -> None:
    connection = op.get_bind()
    after_id = 0
    while products := connection.execute(NEXT, {"after_id": after_id}).all():
        if is_postgresql:
            searches = [fold(product.name) for product in products]
            columns = [[product.id for product in products], [product.name for product in products]]
            connection.exec_driver_sql(SET_MANY, (*columns, searches, [sort_key(search) for search in searches]))
        else:
            connection.execute(SET_ONE, [folded(product.id, product.name) for product in products])
        after_id = products[-1].id


def folded(id: int, name: str) -> dict[str, object]:
    search = fold(name)
    return {"an_id": id, "a_name": name, "a_search": search, "a_sort": sort_key(search)}


def index_postgresql() -> None:
    connection = op.get_bind()
    has_trigrams = connection.scalar(sa.text("SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'"))
    if not has_trigrams:
        logging.getLogger("alembic.migration").warning("no trigram index for searches: there is no pg_trgm")
    for name, definition in (INDEXES | TRIGRAMS if has_trigrams else INDEXES).items():
        create_index(connection, name, f"products {definition}")
    op.execute("ANALYZE products")


def index_sqlite() -> None:
    for name, definition in INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON products {definition}")
    op.execute(
        "CREATE VIRTUAL TABLE product_names_search USING fts5("
        "name_search, content=products, content_rowid=id, columnsize=0, tokenize='trigram case_sensitive 1')"
    )
    op.execute("INSERT INTO product_names_search (product_names_search) VALUES ('rebuild')")
    for name, definition in SQLITE_TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} {definition}")


def downgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        for name in SQLITE_TRIGGERS:
            op.execute(f"DROP TRIGGER {name}")
        op.execute("DROP TABLE product_names_search")
    else:
        op.execute("DROP TRIGGER products_unfold_name ON products")
        op.execute("DROP FUNCTION unfold_product_name")
    for name in INDEXES | TRIGRAMS:
        op.execute(f"DROP INDEX IF EXISTS {name}")
    op.drop_column("products", "name_sort")
    op.drop_column("products", "name_search")
