"""What products were before their events were recorded

Each product without any event gets the one that it would have begun with, made of what it is now, so that its history
tells what later changes have changed. Nobody is told of these events: they have no deliveries. Stop the former release
first: what it changes afterwards is in no history.

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
# A look into the index for each product, and not NOT EXISTS, for which PostgreSQL would read all of the events for each
# batch: it has no statistics of what was written a moment ago.
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
    # On PostgreSQL each batch is committed by itself: a new start goes on where the last one was stopped, and no
    # transaction is open for long. On SQLite everything is in one, and a new start begins again.
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
    """The events stay: those that came later tell of changes to what they tell, and an upgrade makes no second one."""
