"""Events reach webhooks: signed, in order, at least once, and one webhook does not block another."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import select, text, update
from standardwebhooks.webhooks import WebhookVerificationError

from myapp.platform.database.columns import recorded_fields
from myapp.platform.database.types import utc_now
from myapp.platform.events.event import RecordedEvent
from myapp.platform.events.models import Event
from myapp.platform.outbox.models import EventDelivery
from myapp.products.models import Product
from myapp.webhooks.delivering import WebhookHandler
from myapp.webhooks.messages import MAX_BODY, message_of
from myapp.webhooks.models import Webhook
from myapp.webhooks.sweeps import GRACE, WebhookSweep

from ..fixture_types import Create, Json
from .conftest import Deliver, DeliveriesOf, Hook
from .receiver import Receiver, answering, hanging


async def set_webhooks(container: PicoContainer, **values: Any) -> None:
    async with container.get(SessionManager).transaction() as session:
        await session.execute(update(Webhook).values(**values, updated_at=Webhook.updated_at))


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


class TestDisabling:
    async def test_of_a_server_that_is_gone(
        self,
        hook: Hook,
        create: Create,
        deliver: Deliver,
        receiver: Receiver,
        admin: httpx.AsyncClient,
        container: PicoContainer,
        deliveries_of: DeliveriesOf,
    ) -> None:
        webhook = await hook()
        receiver.behaviours["/"] = answering(410)
        await create()
        await deliver()
        response = await admin.get(f"/api/v1/webhooks/{webhook['id']}")
        assert response.headers["etag"] == '"2"'
        assert (response.json()["enabled"], response.json()["disabled_reason"]) == (False, "gone")
        await create()
        await deliver()
        assert len(receiver.received) == 1
        [delivery] = await deliveries_of(webhook)
        assert delivery["state"] == "dead"
        assert await disabled_events(container) == [{"url": receiver.url("/"), "reason": "gone", "email": None}]

    async def test_after_five_days_of_failure(
        self,
        hook: Hook,
        create: Create,
        deliver: Deliver,
        pass_time: Deliver,
        receiver: Receiver,
        admin: httpx.AsyncClient,
        container: PicoContainer,
        deliveries_of: DeliveriesOf,
    ) -> None:
        webhook = await hook("/?token=secret")
        path = f"/api/v1/webhooks/{webhook['id']}"
        receiver.behaviours["/?token=secret"] = answering(500)
        await create()
        await deliver()
        await set_webhooks(container, failing_since=utc_now() - timedelta(days=5) + timedelta(minutes=5))
        await pass_time()
        assert (await admin.get(path)).json()["enabled"]
        await set_webhooks(container, failing_since=utc_now() - timedelta(days=5))
        await pass_time()
        assert (await admin.get(path)).json() | {"updated_at": ""} == {
            **{name: value for name, value in webhook.items() if name != "secret"},
            "enabled": False,
            "disabled_reason": "failing",
            "updated_at": "",
        }
        assert await disabled_events(container) == [{"url": receiver.url("/"), "reason": "failing", "email": None}]
        await pass_time()
        assert len(receiver.received) == 3
        [delivery] = await deliveries_of(webhook)
        assert delivery["state"] == "pending"
        # Nothing is lost: the delivery waits until the webhook is enabled again.
        receiver.behaviours.clear()
        response = await admin.patch(path, json={"enabled": True})
        assert (response.json()["enabled"], response.json()["disabled_reason"]) == (True, None)
        await pass_time()
        [delivery] = await deliveries_of(webhook)
        assert delivery["state"] == "delivered"

    async def test_does_not_happen_if_one_attempt_has_succeeded(
        self,
        hook: Hook,
        create: Create,
        deliver: Deliver,
        pass_time: Deliver,
        receiver: Receiver,
        admin: httpx.AsyncClient,
        container: PicoContainer,
    ) -> None:
        webhook = await hook()
        receiver.behaviours["/"] = answering(500)
        await create()
        await deliver()
        await set_webhooks(container, failing_since=utc_now() - timedelta(days=6))
        receiver.behaviours.clear()
        await pass_time()
        receiver.behaviours["/"] = answering(500)
        await create()
        await deliver()
        response = await admin.get(f"/api/v1/webhooks/{webhook['id']}")
        assert response.json()["enabled"]
        assert response.headers["etag"] == '"1"'

    async def test_by_an_administrator_keeps_the_deliveries(
        self,
        hook: Hook,
        create: Create,
        deliver: Deliver,
        receiver: Receiver,
        admin: httpx.AsyncClient,
    ) -> None:
        webhook = await hook()
        path = f"/api/v1/webhooks/{webhook['id']}"
        receiver.behaviours["/"] = answering(500, ["Retry-After: 0"])
        await create("Waiting")
        await deliver()
        await admin.patch(path, json={"enabled": False})
        await create("Missed")
        await deliver()
        assert len(receiver.received) == 1


async def disabled_events(container: PicoContainer) -> list[Json]:
    statement = select(Event.payload).where(Event.type == "webhook.disabled")
    async with container.get(SessionManager).transaction(read_only=True) as session:
        return list((await session.scalars(statement)).all())


class TestRedelivery:
    async def test_of_a_delivered_event(
        self,
        hook: Hook,
        create: Create,
        deliver: Deliver,
        receiver: Receiver,
        admin: httpx.AsyncClient,
        deliveries_of: DeliveriesOf,
    ) -> None:
        webhook = await hook()
        await create()
        await deliver()
        [delivery] = await deliveries_of(webhook)
        path = f"/api/v1/webhooks/{webhook['id']}/deliveries/{delivery['id']}/redeliver"
        response = await admin.post(path)
        assert response.status_code == 200
        assert response.json()["state"] == "pending"
        assert (await admin.post(path)).status_code == 409
        await deliver()
        one, other = receiver.received
        assert one.headers["webhook-id"] == other.headers["webhook-id"]
        [delivery] = await deliveries_of(webhook)
        assert (delivery["state"], len(delivery["attempts"])) == ("delivered", 2)

    async def test_of_nothing(self, hook: Hook, create: Create, deliver: Deliver, admin: httpx.AsyncClient) -> None:
        webhook, other = await hook(), await hook(event_types=["product.deleted"])
        await create()
        await deliver()
        deliveries = (await admin.get(f"/api/v1/webhooks/{webhook['id']}/deliveries")).json()["items"]
        for id, event in ((webhook["id"], 2**31), (webhook["id"], 0), (other["id"], deliveries[0]["id"])):
            response = await admin.post(f"/api/v1/webhooks/{id}/deliveries/{event}/redeliver")
            assert (response.status_code, response.json()["code"]) == (404, "not_found")


class TestRecovery:
    async def test_sends_what_was_missed_and_what_failed_for_good(
        self,
        hook: Hook,
        create: Create,
        deliver: Deliver,
        receiver: Receiver,
        admin: httpx.AsyncClient,
        deliveries_of: DeliveriesOf,
    ) -> None:
        since = utc_now().isoformat()
        webhook = await hook()
        path = f"/api/v1/webhooks/{webhook['id']}"
        await create("Delivered")
        await deliver()
        receiver.behaviours["/"] = answering(410)
        await create("Gone")
        await deliver()
        await create("Missed")
        await deliver()
        receiver.behaviours.clear()
        receiver.received.clear()
        await admin.patch(path, json={"enabled": True})
        response = await admin.post(f"{path}/recover", json={"since": since})
        assert (response.status_code, response.json()) == (200, {"deliveries": 2, "next_since": None})
        assert (await admin.post(f"{path}/recover", json={"since": since})).json()["deliveries"] == 0
        await deliver()
        assert [one.message["data"]["after"]["name"] for one in receiver.received] == ["Gone", "Missed"]
        assert {delivery["state"] for delivery in await deliveries_of(webhook)} == {"delivered"}

    async def test_sends_what_the_webhook_asks_for_since_then(
        self, hook: Hook, create: Create, deliver: Deliver, receiver: Receiver, admin: httpx.AsyncClient
    ) -> None:
        await create("Before")
        since = utc_now()
        product = await create("Since", stock=7)
        await admin.delete(f"/api/v1/products/{product['id']}")
        await deliver()
        webhook = await hook(event_types=["product.created"])
        response = await admin.post(f"/api/v1/webhooks/{webhook['id']}/recover", json={"since": since.isoformat()})
        assert response.json()["deliveries"] == 1
        await deliver()
        assert [one.message["data"]["after"]["name"] for one in receiver.received] == ["Since"]

    async def test_before_the_fan_out_sends_nothing_twice(
        self, hook: Hook, create: Create, deliver: Deliver, receiver: Receiver, admin: httpx.AsyncClient
    ) -> None:
        webhook = await hook()
        since = utc_now().isoformat()
        await create()
        await admin.post(f"/api/v1/webhooks/{webhook['id']}/recover", json={"since": since})
        await deliver()
        assert len(receiver.received) == 1

    @pytest.mark.parametrize("since", ["tomorrow", "2999-01-01T00:00:00Z", "2026-01-01", 5, None, True, "\x00"])
    async def test_refuses_garbage(self, hook: Hook, admin: httpx.AsyncClient, since: Any) -> None:
        webhook = await hook()
        response = await admin.post(f"/api/v1/webhooks/{webhook['id']}/recover", json={"since": since})
        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == "#/since"

    async def test_reaches_back_as_far_as_the_records(self, hook: Hook, admin: httpx.AsyncClient) -> None:
        webhook = await hook()
        since = (utc_now() - timedelta(days=31)).isoformat()
        response = await admin.post(f"/api/v1/webhooks/{webhook['id']}/recover", json={"since": since})
        assert (response.status_code, response.json()["code"]) == (409, "conflict")

    async def test_of_many_events_goes_on_where_it_ended(
        self,
        hook: Hook,
        create: Create,
        admin: httpx.AsyncClient,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        since = utc_now().isoformat()
        for number in range(7):
            await create(f"Lamp {number}")
        webhook = await hook()
        monkeypatch.setattr("myapp.webhooks.services.RECOVERY_BATCH", 2)
        monkeypatch.setattr("myapp.webhooks.services.RECOVERY_BATCHES", 2)
        total = 0
        while since:
            answer = (await admin.post(f"/api/v1/webhooks/{webhook['id']}/recover", json={"since": since})).json()
            total, since = total + answer["deliveries"], answer["next_since"]
        assert total == 7


class TestCost:
    async def test_a_create_costs_no_further_statement(
        self, hook: Hook, create: Create, container: PicoContainer
    ) -> None:
        from ..platform.outbox.test_many_rows import recorded_statements

        class Room:
            manager = container.get(SessionManager)

        for _ in range(2):
            with recorded_statements(Room()) as sent:  # type: ignore[arg-type]
                await create()
            assert len(sent) == 1
            await hook()


class TestSweep:
    async def test_removes_a_deleted_webhook_with_all_its_rows(
        self,
        hook: Hook,
        create: Create,
        deliver: Deliver,
        admin: httpx.AsyncClient,
        container: PicoContainer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(WebhookSweep, "batch_size", 2)
        deleted, kept = await hook("/deleted"), await hook("/kept")
        for _ in range(3):
            await create()
        await deliver()
        assert (await admin.delete(f"/api/v1/webhooks/{deleted['id']}")).status_code == 204
        sweep = container.get(WebhookSweep)
        await sweep.sweep()
        assert await rows(container) == {"webhooks": 2, "webhook_attempts": 6, "event_deliveries": 6}
        async with container.get(SessionManager).transaction() as session:
            gone = update(Webhook).where(Webhook.deleted_at.is_not(None))
            await session.execute(gone.values(deleted_at=utc_now() - GRACE - timedelta(seconds=1)))
        await sweep.sweep()
        assert await rows(container) == {"webhooks": 1, "webhook_attempts": 3, "event_deliveries": 3}
        [left] = (await admin.get("/api/v1/webhooks/")).json()["items"]
        assert left["id"] == kept["id"]

    async def test_removes_old_attempts(
        self, hook: Hook, create: Create, deliver: Deliver, container: PicoContainer
    ) -> None:
        await hook()
        await create()
        await deliver()
        async with container.get(SessionManager).transaction() as session:
            await session.execute(text("UPDATE webhook_attempts SET attempted_at = '2020-01-01 00:00:00'"))
        await container.get(WebhookSweep).sweep()
        assert (await rows(container))["webhook_attempts"] == 0


async def rows(container: PicoContainer) -> dict[str, int]:
    """Return the number of rows of webhooks in each table."""
    conditions = {"webhooks": "1 = 1", "webhook_attempts": "1 = 1", "event_deliveries": "handler LIKE '%:%'"}
    async with container.get(SessionManager).transaction(read_only=True) as session:
        return {
            table: (await session.execute(text(f"SELECT count(*) FROM {table} WHERE {condition}"))).scalar_one()
            for table, condition in conditions.items()
        }
