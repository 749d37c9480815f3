"""Record a first event for products that are older than events

Each product without events gets a ``product.created`` event with its current fields, so that its history shows what
later changes replaced. These events have no deliveries, so no handler receives them. Stop the previous release first:
its later changes would be in no history.

Revision: 0005, after 0004
"""

from contextlib import nullcontext
from typing import Any

import sqlalchemy as sa
from alembic import op

from myapp.platform.database.types import Money, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BATCH = 1000
FIELDS = ("name", "description", "price", "stock", "active")

PRODUCTS = sa.table(
    "products",
    sa.column("id", sa.Integer()),
    sa.column("name", sa.String()),
    sa.column("description", sa.String()),
    sa.column("price", Money()),
    sa.column("stock", sa.Integer()),
    sa.column("active", sa.Boolean()),
    sa.column("version", sa.Integer()),
    sa.column("created_at", UtcDateTime()),
)
EVENTS = sa.table(
    "events",
    sa.column("id", sa.BigInteger()),
    sa.column("type", sa.String()),
    sa.column("aggregate", sa.String()),
    sa.column("aggregate_id", sa.String()),
    sa.column("version", sa.Integer()),
    sa.column("payload", sa.JSON()),
    sa.column("actor", sa.String()),
    sa.column("occurred_at", UtcDateTime()),
)
# This is one index lookup for each product. With NOT EXISTS, PostgreSQL would read all events for each batch, because
# it has no statistics of rows that were just written.
ITS_EVENT = (
    sa.select(EVENTS.c.id)
    .where(EVENTS.c.aggregate == "product", EVENTS.c.aggregate_id == sa.cast(PRODUCTS.c.id, sa.String()))
    .limit(1)
    .scalar_subquery()
    .label("its_event")
)
NEXT = (
    sa.select(PRODUCTS, ITS_EVENT)
    .where(PRODUCTS.c.id > sa.bindparam("after_id", type_=sa.Integer()))
    .order_by(PRODUCTS.c.id)
    .limit(BATCH)
)


def upgrade() -> None:
    context = op.get_context()
    # On PostgreSQL each batch commits: after an interruption, the next start continues there, and no transaction is
    # long. On SQLite all batches are in one transaction, so the next start begins again.
    with context.autocommit_block() if context.dialect.name == "postgresql" else nullcontext():
        after_id = 0
        while products := op.get_bind().execute(NEXT, {"after_id": after_id}).all():
            if events := [baseline(product) for product in products if product.its_event is None]:
                op.get_bind().execute(sa.insert(EVENTS), events)
            after_id = products[-1].id


def baseline(product: Any) -> dict[str, Any]:
    fields = {name: getattr(product, name) for name in FIELDS}
    return {
        "type": "product.created",
        "aggregate": "product",
        "aggregate_id": str(product.id),
        "version": product.version,
        "payload": {"before": {}, "after": fields | {"price": float(product.price)}},
        "actor": "system",
        "occurred_at": product.created_at,
    }


def downgrade() -> None:
    """Keep the events. Later events describe changes to them, and another upgrade adds no second one."""
