"""Create indexes for filtered lists: one for each sort, and on SQLite one for searches in names

Both databases sort names by Unicode code points. SQLite's counterpart of PostgreSQL's trigram index is an FTS5 table,
which triggers keep up to date. A later migration that rebuilds ``products`` (``op.batch_alter_table``) drops these
triggers with the table; env.py creates them again.

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# The sort column comes first. The other columns serve filters of many rows: the index alone is enough to count them.
INDEXES = {
    "name_folded": ["name_folded", "id"],
    "price": ["price", "id", "active", "stock"],
    "stock": ["stock", "id", "active"],
    "created_at": ["created_at", "id"],
    "updated_at": ["updated_at", "id", "active"],
}

ENTER = "INSERT INTO product_names (rowid, name_folded) VALUES (new.id, new.name_folded)"
REMOVE = "INSERT INTO product_names (product_names, rowid, name_folded) VALUES ('delete', old.id, old.name_folded)"
TRIGGERS = {
    "product_names_insert": f"AFTER INSERT ON products BEGIN {ENTER}; END",
    "product_names_update": f"AFTER UPDATE OF id, name_folded ON products BEGIN {REMOVE}; {ENTER}; END",
    "product_names_delete": f"AFTER DELETE ON products BEGIN {REMOVE}; END",
}


def upgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        index_parts_of_names()
    else:
        op.alter_column("products", "name_folded", type_=sa.String(300, collation="C"))
        # A large enough sample to tell a word in 1% of the names from one in 0.1%.
        op.execute("ALTER TABLE products ALTER COLUMN name_folded SET STATISTICS 500")
        # Each search also reads the index's list of pending entries, which is up to 4 MB by default.
        op.execute("ALTER INDEX IF EXISTS ix_products_name_folded_trgm SET (gin_pending_list_limit = 128)")
    for name, columns in INDEXES.items():
        op.create_index(f"ix_products_{name}", "products", columns)


def index_parts_of_names() -> None:
    op.execute(
        "CREATE VIRTUAL TABLE product_names USING fts5("
        "name_folded, content=products, content_rowid=id, columnsize=0, tokenize='trigram case_sensitive 1')"
    )
    op.execute("INSERT INTO product_names (product_names) VALUES ('rebuild')")
    for name, definition in TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} {definition}")


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(f"ix_products_{name}", "products")
    if op.get_context().dialect.name == "sqlite":
        for name in TRIGGERS:
            op.execute(f"DROP TRIGGER {name}")
        op.execute("DROP TABLE product_names")
    else:
        op.execute("ALTER INDEX IF EXISTS ix_products_name_folded_trgm RESET (gin_pending_list_limit)")
        op.execute("ALTER TABLE products ALTER COLUMN name_folded SET STATISTICS -1")
        op.alter_column("products", "name_folded", type_=sa.String(300))
