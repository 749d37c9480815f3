"""A database of release 1.0.0 starts unchanged, and goes on where it was."""

from pathlib import Path
from typing import Any

from alembic import command
from sqlalchemy import Connection

from myapp.platform.outbox.relay import EventRelay
from myapp.platform.outbox.schemas import DeliveryFilter
from myapp.platform.outbox.services import DeliveryService
from myapp.products.services import ProductService
from myapp.reports.services import ReportService
from tests.databases import Databases

from ...fixture_types import StartContainer
from .test_migrations import alembic, read

HEAD = "0009"
ROWS = Path(__file__).with_name("release_1_0_0.sql")
SEQUENCES = [f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 100)" for table in ("products", "events")]


def write_rows(connection: Connection) -> None:
    statements = ROWS.read_text(encoding="utf-8").partition("\n")[2].split(";\n")[:-1]
    if connection.dialect.name == "postgresql":
        bytes_as_text = [statement.replace("X'", r"'\x") for statement in statements]
        statements = ["SET TIME ZONE 'UTC'", *bytes_as_text, *SEQUENCES]
    for statement in statements:
        connection.exec_driver_sql(statement)
    connection.commit()


async def test_a_database_of_1_0_0_starts_unchanged(
    database_kind: str, databases: Databases, start: StartContainer
) -> None:
    url = databases.empty(database_kind)
    await alembic(url, command.upgrade, HEAD)
    await read(url, write_rows)

    container = start({"DATABASE__URL": url, "EVENTS__RELAY": "false"})
    products, reports = container.get(ProductService), container.get(ReportService)

    (lamp,) = (await products.list_paged(1, 10)).content
    assert (lamp.name, str(lamp.price), lamp.stock, lamp.version) == ("Old Lamp", "9.50", 2, 2)
    history = (await products.history(lamp.id, 1, 10)).content
    assert [(event.type, event.payload) for event in history] == [
        ("product.created", {"before": {}, "after": fields("Old Lamp", "Brass", 9.5, 9)}),
        ("product.updated", {"before": {"stock": 9}, "after": {"stock": 2}}),
    ]

    assert await container.get(EventRelay).deliver_due() == 10
    for state in ("pending", "dead"):
        assert (await container.get(DeliveryService).list_paged(1, 10, DeliveryFilter(state=state))).total_elements == 0

    (report,) = (await reports.list_paged(1, 10)).content
    await reports.make(report.id)
    assert (await reports.get_by_id(report.id)).state == "done"

    await products.update(2, {"active": True})
    activated = (await products.history(2, 1, 10)).content[-1]
    assert activated.payload == {"before": {"active": False}, "after": {"active": True}}
    assert (await products.create({"name": "New lamp", "price": 1})).id > 2


def fields(name: str, description: str | None, price: float, stock: int) -> dict[str, Any]:
    return {"name": name, "description": description, "price": price, "stock": stock, "active": True}
