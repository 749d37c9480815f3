"""Count the active and the inactive products in the database

Triggers of ``products`` keep the counts, so they are exact in each transaction and for each writer, an older release
included. On PostgreSQL the counts are spread over several rows: otherwise writers would wait for each other. Counting
locks the table against writers for a moment, 0.1 s for a million products.

Revision: 0013, after 0012
"""

import sqlalchemy as sa
from alembic import op

from myapp.platform.database.online_schema import lock_table

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SLOTS = 16

COUNT = """
INSERT INTO product_counts (slot, active, inactive)
SELECT 0, count(*) FILTER (WHERE active), count(*) FILTER (WHERE NOT active) FROM products
"""

SQLITE_TRIGGERS = {
    "product_counts_insert": "AFTER INSERT ON products BEGIN "
    "UPDATE product_counts SET active = active + new.active, inactive = inactive + NOT new.active; END",
    "product_counts_update": "AFTER UPDATE OF active ON products WHEN old.active <> new.active BEGIN "
    "UPDATE product_counts SET active = active + new.active - old.active, "
    "inactive = inactive + old.active - new.active; END",
    "product_counts_delete": "AFTER DELETE ON products BEGIN "
    "UPDATE product_counts SET active = active - old.active, inactive = inactive - NOT old.active; END",
}

# A statement trigger, so that a bulk change is one change of the counts. It takes a row that no open transaction has
# changed, and adds one if there is none: a writer never waits for another. It has the rights of the role that migrates,
# so that other roles need none to change the counts.
FUNCTION = f"""
CREATE FUNCTION count_products() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  gained_active bigint := 0;
  gained_inactive bigint := 0;
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    UPDATE product_counts SET active = 0, inactive = 0;
    RETURN NULL;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    SELECT count(*) FILTER (WHERE active), count(*) FILTER (WHERE NOT active)
    INTO gained_active, gained_inactive FROM new_products;
  END IF;
  IF TG_OP <> 'INSERT' THEN
    SELECT gained_active - count(*) FILTER (WHERE active), gained_inactive - count(*) FILTER (WHERE NOT active)
    INTO gained_active, gained_inactive FROM old_products;
  END IF;
  IF gained_active <> 0 OR gained_inactive <> 0 THEN
    UPDATE product_counts SET active = active + gained_active, inactive = inactive + gained_inactive
    WHERE slot =
      (SELECT slot FROM product_counts ORDER BY (slot + pg_backend_pid()) % {SLOTS} LIMIT 1 FOR UPDATE SKIP LOCKED);
    IF NOT FOUND THEN
      INSERT INTO product_counts (slot, active, inactive)
      VALUES (nextval('product_counts_slot'), gained_active, gained_inactive);
    END IF;
  END IF;
  RETURN NULL;
END $$
"""
POSTGRESQL_TRIGGERS = {
    "product_counts_insert": "AFTER INSERT ON products REFERENCING NEW TABLE AS new_products",
    "product_counts_update": "AFTER UPDATE ON products REFERENCING OLD TABLE AS old_products NEW TABLE AS new_products",
    "product_counts_delete": "AFTER DELETE ON products REFERENCING OLD TABLE AS old_products",
    "product_counts_truncate": "AFTER TRUNCATE ON products",
}


def upgrade() -> None:
    is_sqlite = op.get_context().dialect.name == "sqlite"
    op.create_table(
        "product_counts",
        sa.Column("slot", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("active", sa.BigInteger(), nullable=False),
        sa.Column("inactive", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("slot", name="pk_product_counts"),
    )
    if is_sqlite:
        op.execute(COUNT)
        for name, definition in SQLITE_TRIGGERS.items():
            op.execute(f"CREATE TRIGGER {name} {definition}")
        return
    lock_table(op.get_bind(), "products", "SHARE ROW EXCLUSIVE")
    op.execute(COUNT)
    op.execute(f"INSERT INTO product_counts SELECT slot, 0, 0 FROM generate_series(1, {SLOTS - 1}) AS slot")
    op.execute(f"CREATE SEQUENCE product_counts_slot START {SLOTS}")
    op.execute(FUNCTION)
    for name, definition in POSTGRESQL_TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} {definition} FOR EACH STATEMENT EXECUTE FUNCTION count_products()")


def downgrade() -> None:
    is_sqlite = op.get_context().dialect.name == "sqlite"
    for name in SQLITE_TRIGGERS if is_sqlite else POSTGRESQL_TRIGGERS:
        op.execute(f"DROP TRIGGER {name}" if is_sqlite else f"DROP TRIGGER {name} ON products")
    if not is_sqlite:
        op.execute("DROP FUNCTION count_products()")
        op.execute("DROP SEQUENCE product_counts_slot")
    op.drop_table("product_counts")
