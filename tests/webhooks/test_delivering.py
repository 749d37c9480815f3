"""Events reach webhooks: signed, in order, at least once, and one webhook does not block another."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import func, select
from standardwebhooks.webhooks import WebhookVerificationError

from myapp.platform.database.columns import recorded_fields
from myapp.platform.database.types import utc_now
from myapp.platform.events.event import RecordedEvent
from myapp.platform.outbox.models import EventDelivery
from myapp.products.models import Product
from myapp.webhooks.delivering import WebhookFanOut, WebhookHandler
from myapp.webhooks.messages import MAX_BODY, message_of

from ..fixture_types import Create
from .conftest import Deliver, DeliveriesOf, Hook, set_webhooks
from .receiver import Receiver, answering, hanging


class TestMessage:
    async def test_is_signed_and_tells_what_happened(
        self, hook: Hook, create: Create, deliver: Deliver, receiver: Receiver
    ) -> None:
        webhook = await hook("/here?key=1")
        product = await create("Lämp", price=9.5, stock=7)
        await deliver()
        [received] = receiver.received
        message = received.verify(webhook["secret"])
        assert message["type"] == "product.created"
        assert message["timestamp"].replace("Z", "+00:00") >= product["created_at"].replace("Z", "+00:00")
        data = message["data"]
        assert (data["product_id"], data["version"]) == (product["id"], 1)
        assert data["before"] == {}
        assert data["after"].items() >= {"name": "Lämp", "description": None, "price": 9.5, "stock": 7}.items()
        assert data["after"] == {name: product[name] for name in recorded_fields(Product)}
        assert received.path == "/here?key=1"
        assert received.headers["content-type"] == "application/json"
        assert received.headers["user-agent"] == "products-api"
        assert received.headers["host"] == f"hooks.example:{receiver.port}"
        assert "Lämp".encode() in received.body

    async def test_tells_why_a_stock_was_adjusted(
        self, hook: Hook, create: Create, manager: httpx.AsyncClient, deliver: Deliver, receiver: Receiver
    ) -> None:
        await hook(event_types=["product.stock_adjusted"])
        product = await create(stock=7)
        order = {"lines": [{"product_id": product["id"], "delta": -2}], "reason": "sale", "reference": "order 7"}
        headers = {"Idempotency-Key": "order-7"}
        assert (await manager.post("/api/v1/stock-adjustments", json=order, headers=headers)).status_code == 200
        await deliver()
        [received] = receiver.received
        data = received.message["data"]
        assert (data["before"], data["after"]) == ({"stock": 7}, {"stock": 5})
        assert (data["delta"], data["reason"], data["reference"]) == (-2, "sale", "order 7")

    async def test_has_versions_and_a_growing_sequence(
        self, hook: Hook, create: Create, manager: httpx.AsyncClient, deliver: Deliver, receiver: Receiver
    ) -> None:
        await hook()
        product = await create(stock=7)
        path = f"/api/v1/products/{product['id']}"
        await manager.put(path, json={"stock": 2, "name": "Desk"})
        await manager.patch(f"{path}/deactivate")
        await deliver()
        messages = [received.message for received in receiver.received]
        assert [(message["type"], message["data"]["version"]) for message in messages] == [
            ("product.created", 1),
            ("product.updated", 2),
            ("product.stock_low", 2),
            ("product.deactivated", 3),
        ]
        assert messages[1]["data"]["before"] == {"name": "Lamp", "stock": 7}
        assert messages[1]["data"]["after"] == {"name": "Desk", "stock": 2}
        assert messages[2]["data"] | {"sequence": 0} == {
            "product_id": product["id"],
            "version": 2,
            "sequence": 0,
            "name": "Desk",
            "stock": 2,
            "threshold": 5,
        }
        sequences = [message["data"]["sequence"] for message in messages]
        assert sequences == sorted(set(sequences))

    async def test_of_the_largest_product_is_small(
        self, hook: Hook, create: Create, manager: httpx.AsyncClient, deliver: Deliver, receiver: Receiver
    ) -> None:
        await hook()
        product = await create("\U0001f600" * 100, description="\U0001f600" * 500)
        await manager.put(f"/api/v1/products/{product['id']}", json={"description": "\x01" * 500})
        await deliver()
        assert len(receiver.received) == 2
        assert all(1000 < len(received.body) <= MAX_BODY for received in receiver.received)

    def test_leaves_the_fields_out_if_it_would_be_too_large(self) -> None:
        payload = {"before": {"name": "x" * MAX_BODY}, "after": {}}
        event = RecordedEvent(7, "product.updated", "product", "3", 2, payload, "ann", None, utc_now())
        data = json.loads(message_of(event).body)["data"]
        assert data == {"product_id": 3, "version": 2, "sequence": 7, "before": None, "after": None}

    @pytest.mark.parametrize(
        ("event_types", "types"),
        [
            (["product.updated"], ["product.updated"]),
            (["product.created", "product.stock_low"], ["product.created", "product.stock_low"]),
            (["product.*"], ["product.created", "product.updated", "product.stock_low"]),
        ],
    )
    async def test_is_sent_if_the_webhook_asks_for_its_type(
        self,
        hook: Hook,
        create: Create,
        manager: httpx.AsyncClient,
        deliver: Deliver,
        receiver: Receiver,
        event_types: list[str],
        types: list[str],
    ) -> None:
        await hook(event_types=event_types)
        product = await create(stock=7)
        await manager.put(f"/api/v1/products/{product['id']}", json={"stock": 2})
        await deliver()
        assert [received.message["type"] for received in receiver.received] == types

    async def test_costs_a_change_nothing_while_no_webhook_is_enabled(
        self, hook: Hook, create: Create, admin: httpx.AsyncClient, container: PicoContainer
    ) -> None:
        async def count() -> int:
            fan_outs = select(func.count()).where(EventDelivery.handler == WebhookFanOut.name)
            async with container.get(SessionManager).transaction(read_only=True) as session:
                return int(await session.scalar(fan_outs) or 0)

        await create()
        assert await count() == 0
        path = f"/api/v1/webhooks/{(await hook())['id']}"
        await create()
        assert await count() == 1
        await admin.patch(path, json={"enabled": False})
        await create()
        assert await count() == 1
        await admin.patch(path, json={"enabled": True})
        await create()
        assert await count() == 2
        await admin.delete(path)
        await create()
        assert await count() == 2


class TestSecret:
    async def test_rotated_signs_with_both_for_a_day(
        self,
        hook: Hook,
        create: Create,
        deliver: Deliver,
        receiver: Receiver,
        admin: httpx.AsyncClient,
        container: PicoContainer,
    ) -> None:
        webhook = await hook()
        response = await admin.post(f"/api/v1/webhooks/{webhook['id']}/rotate-secret")
        assert response.status_code == 200
        assert response.headers["etag"] == '"2"'
        new, old = response.json()["secret"], webhook["secret"]
        assert new != old
        await create()
        await deliver()
        [first] = receiver.received
        assert first.verify(new) == first.verify(old)
        await set_webhooks(container, previous_secret_until=utc_now() - timedelta(seconds=1))
        await create()
        await deliver()
        second = receiver.received[1]
        assert second.verify(new)
        with pytest.raises(WebhookVerificationError):
            second.verify(old)

    async def test_rotated_twice_forgets_the_first(
        self, hook: Hook, create: Create, deliver: Deliver, receiver: Receiver, admin: httpx.AsyncClient
    ) -> None:
        webhook = await hook()
        path = f"/api/v1/webhooks/{webhook['id']}/rotate-secret"
        secrets = [webhook["secret"], *[(await admin.post(path)).json()["secret"] for _ in range(2)]]
        await create()
        await deliver()
        [received] = receiver.received
        assert received.verify(secrets[2]) == received.verify(secrets[1])
        with pytest.raises(WebhookVerificationError):
            received.verify(secrets[0])


class TestRetry:
    async def test_has_the_same_id_and_body(
        self, hook: Hook, create: Create, deliver: Deliver, pass_time: Deliver, receiver: Receiver
    ) -> None:
        webhook = await hook()
        receiver.behaviours["/"] = answering(500)
        await create()
        await deliver()
        receiver.behaviours.clear()
        await pass_time()
        one, other = receiver.received
        assert one.headers["webhook-id"] == other.headers["webhook-id"]
        assert one.body == other.body
        assert other.verify(webhook["secret"])

    async def test_ends_after_ten_attempts(
        self,
        hook: Hook,
        create: Create,
        deliver: Deliver,
        pass_time: Deliver,
        deliveries_of: DeliveriesOf,
        receiver: Receiver,
    ) -> None:
        webhook = await hook()
        receiver.behaviours["/"] = answering(503, body=b"secret of the server")
        await create()
        await deliver()
        for _ in range(12):
            await pass_time()
        [delivery] = await deliveries_of(webhook)
        assert delivery["state"] == "dead"
        assert delivery["next_attempt_at"] is None
        assert [(attempt["status"], attempt["error"]) for attempt in delivery["attempts"]] == [
            (503, "unexpected_status")
        ] * 10
        assert "secret" not in str(delivery)

    async def test_takes_three_days(
        self,
        hook: Hook,
        create: Create,
        deliver: Deliver,
        pass_time: Deliver,
        receiver: Receiver,
        container: PicoContainer,
    ) -> None:
        """Each pause is up to a tenth longer, at random."""
        await hook()
        receiver.behaviours["/"] = answering(500)
        await create()
        pauses = []
        for _ in range(9):
            before = utc_now()
            await pass_time()
            pauses.append((await next_attempt(container) - before).total_seconds())
        for pause, least in zip(pauses, WebhookHandler.pauses, strict=True):
            assert least <= pause <= least * 1.1 + 60
        assert 3 <= sum(WebhookHandler.pauses) / 86_400 <= 3.5

    @pytest.mark.parametrize(
        ("header", "seconds"),
        [("120", 120), ("Retry", 5), ("-5", 5), ("99999999999999999999", 86_400), ("1e9", 5), ("٣٠٠", 5)],
    )
    async def test_honours_retry_after(
        self,
        hook: Hook,
        create: Create,
        deliver: Deliver,
        receiver: Receiver,
        container: PicoContainer,
        header: str,
        seconds: int,
    ) -> None:
        await hook()
        receiver.behaviours["/"] = answering(429, [f"Retry-After: {header}"])
        await create()
        before = utc_now()
        await deliver()
        pause = (await next_attempt(container) - before).total_seconds()
        assert seconds <= pause <= seconds + 60

    async def test_honours_retry_after_with_a_date(
        self, hook: Hook, create: Create, deliver: Deliver, receiver: Receiver, container: PicoContainer
    ) -> None:
        await hook()
        moment = utc_now() + timedelta(hours=1)
        receiver.behaviours["/"] = answering(503, [f"Retry-After: {moment:%a, %d %b %Y %H:%M:%S} GMT"])
        await create()
        await deliver()
        assert abs(await next_attempt(container) - moment) < timedelta(seconds=2)


async def next_attempt(container: PicoContainer) -> Any:
    statement = select(EventDelivery.next_at).where(EventDelivery.handler.startswith("webhook:"))
    async with container.get(SessionManager).transaction(read_only=True) as session:
        return (await session.scalars(statement)).one()


class TestOrder:
    async def test_a_failed_event_blocks_later_ones_of_its_product_only(
        self,
        hook: Hook,
        create: Create,
        manager: httpx.AsyncClient,
        deliver: Deliver,
        pass_time: Deliver,
        receiver: Receiver,
    ) -> None:
        await hook()
        first, second = (await create())["id"], (await create())["id"]

        async def refuse_first(received: Any, writer: Any) -> None:
            await answering(500 if received.message["data"]["product_id"] == first else 200)(received, writer)

        receiver.behaviours["/"] = refuse_first
        for product in (first, second):
            await manager.put(f"/api/v1/products/{product}", json={"stock": 50})
        await deliver()
        seen = [(one.message["data"]["product_id"], one.message["data"]["version"]) for one in receiver.received]
        assert [version for product, version in seen if product == second] == [1, 2]
        assert [version for product, version in seen if product == first] == [1]
        receiver.behaviours.clear()
        await pass_time()
        seen = [(one.message["data"]["product_id"], one.message["data"]["version"]) for one in receiver.received]
        assert [version for product, version in seen if product == first] == [1, 1, 2]

    async def test_a_dead_webhook_blocks_no_other(
        self, hook: Hook, create: Create, deliver: Deliver, receiver: Receiver, deliveries_of: DeliveriesOf
    ) -> None:
        dead, living = await hook("/dead"), await hook("/living")
        receiver.behaviours["/dead"] = hanging
        for _ in range(6):
            await create()
        await deliver()
        assert len(receiver.at("/living")) == 6
        assert {delivery["state"] for delivery in await deliveries_of(living)} == {"delivered"}
        stuck = await deliveries_of(dead)
        assert {delivery["state"] for delivery in stuck} == {"pending"}
        assert {attempt["error"] for delivery in stuck for attempt in delivery["attempts"]} == {"timeout"}
