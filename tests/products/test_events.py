"""Changes of products publish events in the same transaction."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from pico_ioc import PicoContainer
from pico_pydantic import ValidationFailedError
from pico_sqlalchemy import SessionManager
from sqlalchemy import event, select

from myapp.platform.database.types import utc_now
from myapp.platform.errors import ConflictError, NotFoundError, PreconditionFailedError, StartupError
from myapp.platform.events.event import RecordedEvent
from myapp.platform.events.history import EventHistory
from myapp.platform.events.publisher import EventPublisher
from myapp.platform.outbox.models import EventDelivery
from myapp.products.events import ProductUpdated
from myapp.products.services import ProductService

from ..fixture_types import StartContainer
from .conftest import COLLECTION

NewEvents = Callable[[], Awaitable[Sequence[RecordedEvent]]]
Sent = Callable[[], list[str]]

LAMP = {"name": "Lamp", "price": Decimal("19.99"), "stock": 9}
LAMP_FIELDS = {"name": "Lamp", "description": None, "price": 19.99, "stock": 9, "active": True}
LAMP_FIELDS |= {"sku": None, "gtin": None, "tags": [], "attributes": {}}

AT_ONCE = ["WITH changed AS"]
EVENT_STATEMENTS = ["INSERT INTO events", "SELECT EXISTS (SELECT", "INSERT INTO event_deliveries"]

BEGINNING = datetime(1, 1, 1, tzinfo=UTC)


@pytest.fixture
def new_events(container: PicoContainer) -> NewEvents:
    return event_reader(container)


def event_reader(container: PicoContainer) -> NewEvents:
    """Return the events since the last call."""
    after_id = 0

    async def read() -> Sequence[RecordedEvent]:
        nonlocal after_id
        found = await container.get(EventHistory).find_between(after_id, BEGINNING, utc_now(), 1000)
        after_id = found[-1].id if found else after_id
        return found

    return read


@pytest.fixture
def sent(container: PicoContainer) -> Iterator[Sent]:
    """``sent()`` returns the beginnings of the statements sent since the last call, without ``BEGIN``."""
    statements: list[str] = []
    engine = container.get(SessionManager).engine.sync_engine

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(" ".join(statement.split()[:3]))

    def read() -> list[str]:
        found = [statement for statement in statements if not statement.startswith("BEGIN")]
        statements.clear()
        return found

    event.listen(engine, "before_cursor_execute", note)
    yield read
    event.remove(engine, "before_cursor_execute", note)


def payloads(events: Sequence[RecordedEvent]) -> dict[str, Mapping[str, Any]]:
    return {found.type: found.payload for found in events}


class TestCreate:
    async def test_tells_all_fields(self, service: ProductService, new_events: NewEvents) -> None:
        product = await service.create(LAMP)
        (created,) = await new_events()
        assert (created.type, created.aggregate, created.aggregate_id) == (
            "product.created",
            "product",
            str(product.id),
        )
        assert (created.version, created.payload) == (1, {"before": {}, "after": LAMP_FIELDS})
        assert (created.actor, created.request_id) == ("system", None)
        assert product.created_at <= created.occurred_at <= utc_now()

    async def test_tells_who_and_in_which_request(self, manager: httpx.AsyncClient, new_events: NewEvents) -> None:
        headers = {"X-Request-ID": "abc-123"}
        await manager.post(COLLECTION, json={"name": "Lamp", "price": 0.1}, headers=headers)
        (created,) = await new_events()
        assert (created.actor, created.request_id) == ("product-manager-1", "abc-123")
        assert created.payload["after"]["price"] == 0.1

    async def test_tells_of_no_stock_that_was_low_from_the_beginning(
        self, service: ProductService, new_events: NewEvents
    ) -> None:
        await service.create(LAMP | {"stock": 1})
        assert set(payloads(await new_events())) == {"product.created"}

    async def test_tells_nothing_of_what_was_refused_or_rolled_back(
        self, service: ProductService, new_events: NewEvents, container: PicoContainer
    ) -> None:
        with pytest.raises(ValidationFailedError):
            await service.create(LAMP | {"price": -1})

        async def create_and_fail() -> None:
            async with container.get(SessionManager).transaction():
                await service.create(LAMP)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await create_and_fail()
        assert await new_events() == []

    async def test_takes_no_statement_of_its_own(self, service: ProductService, sent: Sent, database_kind: str) -> None:
        """On SQLite there is one for the product, one for the event, two for all deliveries."""
        await service.create(LAMP)
        assert sent() == (AT_ONCE if database_kind == "postgresql" else ["INSERT INTO products", *EVENT_STATEMENTS])


class TestUpdate:
    async def test_several_events_take_no_more_statements_than_one(
        self, service: ProductService, new_events: NewEvents, sent: Sent, database_kind: str
    ) -> None:
        product = await service.create(LAMP)
        await new_events()
        sent()
        await service.update(product.id, {"stock": 1, "active": False})
        locked, *written = sent()
        assert locked.startswith("SELECT")
        assert written == (AT_ONCE if database_kind == "postgresql" else ["UPDATE products SET", *EVENT_STATEMENTS])
        found = await new_events()
        assert [event.type for event in found] == ["product.updated", "product.deactivated", "product.stock_low"]
        assert [event.id for event in found] == sorted(event.id for event in found)

    async def test_tells_the_fields_that_changed(self, service: ProductService, new_events: NewEvents) -> None:
        product = await service.create(LAMP)
        await new_events()
        await service.update(product.id, {"name": "Torch", "price": Decimal("20"), "stock": 9, "description": None})
        (updated,) = await new_events()
        assert (updated.type, updated.aggregate_id, updated.version) == ("product.updated", str(product.id), 2)
        assert updated.payload == {"before": {"name": "Lamp", "price": 19.99}, "after": {"name": "Torch", "price": 20}}
        await service.update(product.id, {"description": "Bright"})
        (updated,) = await new_events()
        assert (updated.version, updated.payload["after"]) == (3, {"description": "Bright"})

    @pytest.mark.parametrize(
        "changes",
        [
            LAMP,
            {"name": " Lamp "},
            {"price": Decimal("19.990")},
            {"price": 19.99},
            {"description": None},
            {"active": True},
        ],
    )
    async def test_that_changes_nothing_tells_nothing(
        self, service: ProductService, new_events: NewEvents, sent: Sent, changes: dict[str, Any]
    ) -> None:
        product = await service.create(LAMP)
        await new_events()
        sent()
        same = await service.update(product.id, changes)
        assert (same.version, same.updated_at) == (1, product.updated_at)
        [locked] = sent()
        assert locked.startswith("SELECT")
        assert await new_events() == []

    async def test_tells_of_a_flip_by_itself(self, service: ProductService, new_events: NewEvents) -> None:
        product = await service.create(LAMP)
        await new_events()
        for active, verb in ((False, "deactivated"), (True, "activated")):
            await service.update(product.id, {"active": active, "name": "Lamp"})
            (flip,) = await new_events()
            assert flip.type == f"product.{verb}"
            assert flip.payload == {"before": {"active": not active}, "after": {"active": active}}

    async def test_tells_of_a_flip_beside_other_changes(self, service: ProductService, new_events: NewEvents) -> None:
        product = await service.create(LAMP)
        await new_events()
        await service.update(product.id, {"active": False, "stock": 8})
        events = await new_events()
        assert payloads(events) == {
            "product.updated": {"before": {"stock": 9}, "after": {"stock": 8}},
            "product.deactivated": {"before": {"active": True}, "after": {"active": False}},
        }
        assert {found.version for found in events} == {2}

    async def test_that_is_refused_tells_nothing(self, service: ProductService, new_events: NewEvents) -> None:
        product = await service.create(LAMP)
        await new_events()
        for error, id, changes, expected in (
            (PreconditionFailedError, product.id, {"stock": 1}, frozenset({7})),
            (NotFoundError, product.id + 1, {"stock": 1}, None),
            (ValidationFailedError, product.id, {"stock": -1}, None),
        ):
            with pytest.raises(error):
                await service.update(id, changes, expected)
        assert await new_events() == []


class TestDeactivate:
    async def test_twice_tells_once(self, service: ProductService, new_events: NewEvents) -> None:
        product = await service.create(LAMP)
        await new_events()
        for _ in range(2):
            assert (await service.deactivate(product.id)).version == 2
        (deactivated,) = await new_events()
        assert (deactivated.type, deactivated.version) == ("product.deactivated", 2)
        assert deactivated.payload == {"before": {"active": True}, "after": {"active": False}}


class TestDelete:
    async def test_tells_what_was(self, service: ProductService, new_events: NewEvents) -> None:
        product = await service.create(LAMP)
        await service.deactivate(product.id)
        await new_events()
        await service.delete(product.id)
        with pytest.raises(NotFoundError):
            await service.delete(product.id)
        (deleted,) = await new_events()
        assert (deleted.type, deleted.version) == ("product.deleted", 3)
        assert deleted.payload == {"before": LAMP_FIELDS | {"active": False}, "after": {}}

    async def test_takes_one_statement_behind_the_lock(
        self, service: ProductService, sent: Sent, database_kind: str
    ) -> None:
        product = await service.create(LAMP)
        sent()
        await service.delete(product.id)
        locked, *written = sent()
        assert locked.startswith("SELECT")
        assert written == (AT_ONCE if database_kind == "postgresql" else ["DELETE FROM products", *EVENT_STATEMENTS])


class TestDeliveries:
    async def test_are_due_for_each_handler_of_the_event(
        self, service: ProductService, new_events: NewEvents, container: PicoContainer
    ) -> None:
        product = await service.create(LAMP)
        await service.update(product.id, {"stock": 2})
        events = {event.id: event for event in await new_events()}
        async with container.get(SessionManager).transaction(read_only=True) as session:
            deliveries = (await session.scalars(select(EventDelivery))).all()
        assert {(events[found.event_id].type, found.handler) for found in deliveries} == {
            ("product.created", "analytics"),
            ("product.updated", "analytics"),
            ("product.stock_low", "analytics"),
            ("product.stock_low", "stock-alert"),
        }
        for found in deliveries:
            assert (found.aggregate, found.aggregate_id) == ("product", str(product.id))
            assert (found.state, found.attempts, found.next_at) == ("pending", 0, events[found.event_id].occurred_at)


async def test_a_failure_of_the_event_undoes_the_change(service: ProductService, container: PicoContainer) -> None:
    product = await service.create(LAMP)
    async with container.get(SessionManager).transaction():
        taken = ProductUpdated(aggregate_id=str(product.id), version=2, before={}, after={})
        await container.get(EventPublisher).publish(taken)
    with pytest.raises(ConflictError, match="already in use"):
        await service.update(product.id, {"name": "Desk"})
    assert (await service.get_by_id(product.id)).name == "Lamp"
    assert (await service.deactivate(product.id)).version == 2


class TestLowStock:
    @pytest.mark.parametrize(
        ("before", "after", "is_told"),
        [(6, 5, True), (6, 0, True), (1000, 3, True), (7, 6, False), (5, 4, False), (4, 0, False), (0, 5, False)],
    )
    async def test_is_told_when_it_begins(
        self, service: ProductService, new_events: NewEvents, before: int, after: int, is_told: bool
    ) -> None:
        product = await service.create(LAMP | {"stock": before})
        await new_events()
        await service.update(product.id, {"stock": after})
        events = await new_events()
        low = {"name": "Lamp", "stock": after, "threshold": 5}
        assert payloads(events).get("product.stock_low") == (low if is_told else None)
        assert [found.version for found in events] == [2] * len(events)

    async def test_is_told_again_after_there_was_more(self, service: ProductService, new_events: NewEvents) -> None:
        product = await service.create(LAMP)
        for stock in (3, 2, 6, 5, 5, 4):
            await service.update(product.id, {"stock": stock})
        lows = [found.payload["stock"] for found in await new_events() if found.type == "product.stock_low"]
        assert lows == [3, 5]

    async def test_begins_where_the_setting_says(self, start: StartContainer, database_url: str) -> None:
        container = start({"DATABASE__URL": database_url, "PRODUCTS__LOW_STOCK_THRESHOLD": "0"})
        service, new_events = container.get(ProductService), event_reader(container)
        product = await service.create(LAMP)
        await service.update(product.id, {"stock": 1})
        assert "product.stock_low" not in payloads(await new_events())
        await service.update(product.id, {"stock": 0})
        assert payloads(await new_events())["product.stock_low"] == {"name": "Lamp", "stock": 0, "threshold": 0}

    @pytest.mark.one_database
    def test_does_not_begin_below_zero(self, start: StartContainer, shared_url: str) -> None:
        with pytest.raises(StartupError, match="low_stock_threshold"):
            start({"DATABASE__URL": shared_url, "PRODUCTS__LOW_STOCK_THRESHOLD": "-1"})
