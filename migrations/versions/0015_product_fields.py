"""Give products a SKU, a GTIN, tags and attributes

All may be missing: an older release, which knows none of them, goes on reading and writing. The default of a column is
part of the table's description, so no row is written.

Tags have an index on both databases. PostgreSQL has one for parts of arrays. On SQLite it is a table that triggers keep
up to date.

On PostgreSQL the indexes are built without blocking writers: after an interruption, the next start continues.

Revision: 0015, after 0014
"""

import sqlalchemy as sa
from alembic import op

from myapp.platform.database.online_schema import alter, create_index

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

POSTGRESQL_COLUMNS = {
    "sku": "varchar(64)",
    "sku_folded": 'varchar(1152) COLLATE "C"',
    "gtin": "varchar(14)",
    "tags": "varchar(40)[] NOT NULL DEFAULT '{}'",
    "attributes": "json NOT NULL DEFAULT '{}'",
}
SQLITE_COLUMNS = (
    sa.Column("sku", sa.String(64), nullable=True),
    sa.Column("sku_folded", sa.String(1152), nullable=True),
    sa.Column("gtin", sa.String(14), nullable=True),
    sa.Column("tags", sa.JSON(), nullable=False, server_default=sa.text("'[]'")),
    sa.Column("attributes", sa.JSON(), nullable=False, server_default=sa.text("'{}'")),
)

SKU_INDEX, SKU_DEFINITION = "uq_products_sku", "products (sku_folded) WHERE sku_folded IS NOT NULL"
GTIN_INDEX, GTIN_DEFINITION = "ix_products_gtin", "products (gtin, id) WHERE gtin IS NOT NULL"
TAGS_INDEX, TAGS_DEFINITION = "ix_products_tags_gin", "products USING gin (tags) WITH (gin_pending_list_limit = 128)"

ENTER = "INSERT INTO product_tags (tag, product_id) SELECT DISTINCT value, new.id FROM json_each(new.tags)"
REMOVE = "DELETE FROM product_tags WHERE product_id = old.id AND tag IN (SELECT value FROM json_each(old.tags))"
SQLITE_TRIGGERS = {
    "product_tags_insert": f"AFTER INSERT ON products WHEN new.tags <> '[]' BEGIN {ENTER}; END",
    "product_tags_update": "AFTER UPDATE OF id, tags ON products WHEN new.id <> old.id OR new.tags <> old.tags"
    f" BEGIN {REMOVE}; {ENTER}; END",
    "product_tags_delete": f"AFTER DELETE ON products WHEN old.tags <> '[]' BEGIN {REMOVE}; END",
}


def upgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        upgrade_sqlite()
    else:
        with op.get_context().autocommit_block():
            upgrade_postgresql()


def upgrade_postgresql() -> None:
    """Add columns and indexes. An interrupted run may have added some of them already."""
    connection = op.get_bind()
    added = ", ".join(f"ADD COLUMN IF NOT EXISTS {name} {kind}" for name, kind in POSTGRESQL_COLUMNS.items())
    alter(connection, f"ALTER TABLE products {added}")
    create_index(connection, SKU_INDEX, SKU_DEFINITION, unique=True)
    create_index(connection, GTIN_INDEX, GTIN_DEFINITION)
    create_index(connection, TAGS_INDEX, TAGS_DEFINITION)


def upgrade_sqlite() -> None:
    for column in SQLITE_COLUMNS:
        op.add_column("products", column)
    op.execute(f"CREATE UNIQUE INDEX {SKU_INDEX} ON {SKU_DEFINITION}")
    op.execute(f"CREATE INDEX {GTIN_INDEX} ON {GTIN_DEFINITION}")
    op.execute(
        "CREATE TABLE product_tags (tag VARCHAR(40) NOT NULL, product_id INTEGER NOT NULL,"
        " CONSTRAINT pk_product_tags PRIMARY KEY (tag, product_id)) WITHOUT ROWID"
    )
    for name, definition in SQLITE_TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} {definition}")


def downgrade() -> None:
    """Remove the columns with all their values. The events keep them."""
    if op.get_context().dialect.name == "sqlite":
        for name in SQLITE_TRIGGERS:
            op.execute(f"DROP TRIGGER {name}")
        op.execute("DROP TABLE product_tags")
    for name in (SKU_INDEX, GTIN_INDEX, TAGS_INDEX):
        op.execute(f"DROP INDEX IF EXISTS {name}")
    for name in POSTGRESQL_COLUMNS:
        op.drop_column("products", name)
