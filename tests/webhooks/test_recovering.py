"""Webhooks are disabled and enabled again, deliveries are repeated, and old rows go."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from pico_ioc import PicoContainer
from pico_sqlalchemy import SessionManager
from sqlalchemy import select, text, update

from myapp.platform.database.types import utc_now
from myapp.platform.events.models import Event
from myapp.webhooks.models import Webhook
from myapp.webhooks.sweeps import GRACE, WebhookSweep

from ..databases import sent_statements
from ..fixture_types import Create, Json
from .conftest import Deliver, DeliveriesOf, Hook, set_webhooks
from .receiver import Receiver, answering


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
        numbers = []
        for _ in range(2):
            with sent_statements(container.get(SessionManager).engine) as sent:
                await create()
            numbers.append(len(sent))
            await hook()
        assert 1 <= numbers[0] == numbers[1] <= 5  # SQLite begins, and writes the product, the event and the deliveries


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
