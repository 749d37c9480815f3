"""Handlers that fail, hang or lose their claim: what is retried, when, and what is not affected."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest
from pico_client_auth import SecurityContext, TokenClaims
from sqlalchemy import Row, update

from myapp.platform.database.types import utc_now
from myapp.platform.errors import ConflictError, StartupError
from myapp.platform.events.event import DomainEvent, RecordedEvent
from myapp.platform.events.handler import HandlerError, PermanentFailureError, Progress
from myapp.platform.outbox.models import EventDelivery
from myapp.platform.outbox.progress import DeliveryProgress
from myapp.platform.outbox.queue import LostClaimError
from tests.platform.web.faulty import SECRET

from ...fixture_types import StartContainer
from .handlers import HandlerContext, fail_with, hang
from .room import Room, until
from .things import Counted, Happened


async def the_delivery(room: Room, handler: str = "listener") -> Row[Any]:
    [delivery] = await room.deliveries(handler)
    return delivery


def courier_lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "myapp.platform.outbox.courier"]


class TestFailing:
    async def test_is_tried_again_later_each_time_and_then_given_up(
        self, room: Room, caplog: pytest.LogCaptureFixture
    ) -> None:
        room.listener.behaviour = fail_with(ConflictError("The thing is in use."))
        await room.happen("a")
        for attempt, pause in ((1, 1.0), (2, 2.0)):
            before = utc_now()
            await room.relay.deliver_due()
            delivery = await the_delivery(room)
            assert (delivery.state, delivery.attempts) == ("pending", attempt)
            assert delivery.error == "ConflictError: The thing is in use."
            assert before + timedelta(seconds=pause) <= delivery.next_at <= utc_now() + timedelta(seconds=1.1 * pause)
            assert await room.relay.deliver_due() == 0
            await room.pass_time()
        await room.relay.deliver_due()
        delivery = await the_delivery(room)
        assert (delivery.state, delivery.attempts) == ("dead", 3)
        assert delivery.error == "ConflictError: The thing is in use."
        await room.pass_time()
        assert await room.relay.deliver_due() == 0
        assert len(room.listener.received) == 3
        assert len(room.neighbour.done) == 1
        lines = courier_lines(caplog)
        assert [record.levelname for record in lines] == ["WARNING", "WARNING", "ERROR"]
        assert not any(record.exc_info for record in lines)  # the error was expected

    @pytest.mark.parametrize("kind", [Happened, Counted])
    async def test_for_good_is_a_dead_letter_at_once(
        self, room: Room, caplog: pytest.LogCaptureFixture, kind: type[DomainEvent]
    ) -> None:
        handler = room.listener if kind is Happened else room.clerk
        handler.behaviour = fail_with(PermanentFailureError("there is no such thing"))
        await room.happen("a", kind=kind)
        await room.relay.deliver_due()
        delivery = await the_delivery(room, handler.name)
        assert (delivery.state, delivery.attempts) == ("dead", 1)
        assert delivery.error == "PermanentFailureError: there is no such thing"
        [line] = courier_lines(caplog)
        assert (line.levelname, line.exc_info) == ("ERROR", None)
        assert delivery.error in line.getMessage()
        handler.reset()
        await room.happen("a", kind=kind)
        await room.relay.deliver_due()
        assert await room.states(handler.name) == ["dead", "delivered"]
        await room.service.redeliver(delivery.event_id)
        await room.relay.deliver_due()
        assert await room.states(handler.name) == ["delivered", "delivered"]

    async def test_keeps_the_progress_for_the_next_attempt(self, room: Room) -> None:
        progress = room.container.get(DeliveryProgress)
        seen: list[Progress] = []

        async def go_on(event: RecordedEvent) -> None:
            seen.append(await progress.read(room.listener, event))
            raise HandlerError("one is left", {**seen[-1], f"part {len(seen)}": None, "broken": "a\x00b\ud800c"})

        room.listener.behaviour = go_on
        await room.happen("a")
        await room.exhaust()
        await room.service.redeliver_all()
        await room.relay.deliver_due()
        broken = {"broken": "a?b?c"}
        assert seen == [
            {},
            {"part 1": None} | broken,
            {"part 1": None, "part 2": None} | broken,
            {"part 1": None, "part 2": None, "part 3": None},  # after a redelivery, the broken one is open again
        ]

    async def test_a_later_success_clears_the_error(self, room: Room) -> None:
        room.listener.behaviour = fail_with(ValueError("not yet"))
        await room.happen("a")
        await room.relay.deliver_due()
        room.listener.reset()
        await room.pass_time()
        await room.relay.deliver_due()
        delivery = await the_delivery(room)
        assert (delivery.state, delivery.attempts, delivery.error) == ("delivered", 2, None)

    @pytest.mark.parametrize(
        "error",
        [
            RuntimeError("x" * 10_000),
            RecursionError(),
            asyncio.CancelledError(),
            SystemExit(3),
            StopAsyncIteration(),
            TimeoutError("its own"),
            ExceptionGroup("several", [ValueError(SECRET)]),
        ],
        ids=lambda error: type(error).__name__,
    )
    async def test_any_exception_counts(self, room: Room, error: BaseException) -> None:
        room.listener.behaviour = fail_with(error)
        await room.happen("a")
        await room.relay.deliver_due()
        delivery = await the_delivery(room)
        assert (delivery.state, delivery.attempts) == ("pending", 1)
        assert delivery.error.startswith(type(error).__name__)
        assert len(delivery.error) <= 500
        assert SECRET not in delivery.error
        assert len(room.neighbour.done) == 1

    async def test_with_a_reason_that_no_column_holds(self, room: Room, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.CRITICAL)  # pytest could not print the line
        room.listener.behaviour = fail_with(ValueError("a\x00b\ud800c"))
        await room.happen("a")
        await room.relay.deliver_due()
        assert (await the_delivery(room)).error == "ValueError: a?b?c"


class TestHanging:
    async def test_is_a_failure_after_its_time(self, room: Room) -> None:
        room.listener.behaviour = hang
        await room.happen("a")
        await room.relay.deliver_due()
        delivery = await the_delivery(room)
        assert (delivery.state, delivery.attempts) == ("pending", 1)
        assert delivery.error == "HandlerTimeoutError: not done after 0.2 seconds"

    async def test_stops_neither_its_neighbour_nor_other_aggregates(
        self, room: Room, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Events that are published while it hangs are delivered while it hangs."""
        released = asyncio.Event()

        async def wait_for_a(event: RecordedEvent) -> None:
            if event.aggregate_id == "a":
                await released.wait()

        room.listener.behaviour = wait_for_a
        monkeypatch.setattr(room.settings, "handler_timeout", 20.0)
        async with room.relay.running():
            await room.happen("a")
            await until(lambda: room.listener.received)
            await room.happen("a", "b", "c")
            await until(lambda: len(room.neighbour.done) == 4)
            await until(lambda: {event.aggregate_id for event in room.listener.done} == {"b", "c"})
            released.set()
            await until(lambda: len(room.listener.done) == 4)


class TestInTransaction:
    async def test_what_it_writes_is_committed_with_the_record(self, room: Room) -> None:
        await room.happen("a", kind=Counted)
        await room.relay.deliver_due()
        assert await room.states("clerk") == ["delivered"]
        assert len(await room.events("thing.noted")) == 1

    async def test_writes_before_a_failure_are_rolled_back(self, room: Room) -> None:
        room.clerk.behaviour = fail_with(ValueError("no"))
        await room.happen("a", kind=Counted)
        await room.exhaust()
        assert await room.events("thing.noted") == []
        assert (await the_delivery(room, "clerk")).error == "ValueError: no"

    async def test_one_that_fails_fails_alone(self, room: Room, caplog: pytest.LogCaptureFixture) -> None:
        async def refuse_b(event: RecordedEvent) -> None:
            if event.aggregate_id == "b":
                raise ValueError("not b")

        room.clerk.behaviour = refuse_b
        await room.happen(*"abc", kind=Counted)
        await room.relay.deliver_due()
        assert await room.states("clerk") == ["delivered", "pending", "delivered"]
        assert [event.aggregate_id for event in await room.events("thing.noted")] == ["a", "c"]
        alone, batch = courier_lines(caplog)
        assert alone.exc_info
        assert batch.getMessage() == "clerk failed on 3 events at once, 1 of them failed alone: ValueError: not b"
        assert not batch.exc_info

    async def test_the_cause_is_logged_if_each_succeeds_alone(
        self, room: Room, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def fail_once(_event: RecordedEvent) -> None:
            room.clerk.reset()
            raise ValueError("not now")

        room.clerk.behaviour = fail_once
        await room.happen(*"abc", kind=Counted)
        await room.relay.deliver_due()
        assert await room.states("clerk") == ["delivered"] * 3
        [batch] = courier_lines(caplog)
        assert batch.getMessage() == "clerk failed on 3 events at once, 0 of them failed alone: ValueError: not now"
        assert batch.exc_info

    async def test_one_that_the_database_refuses_fails_alone(self, room: Room) -> None:
        await room.happen(*"abc", kind=Counted)
        await room.relay.deliver_due()
        await room.update_deliveries(
            "clerk", state="pending", attempts=0, next_at=utc_now()
        )  # a second delivery would write a duplicate
        await room.happen("d", kind=Counted)
        await room.relay.deliver_due()
        assert await room.states("clerk") == ["pending"] * 3 + ["delivered"]
        assert len(await room.events("thing.noted")) == 4

    @pytest.mark.slow
    async def test_one_that_hangs_fails_alone(self, room: Room) -> None:
        async def hang_at_b(event: RecordedEvent) -> None:
            if event.aggregate_id == "b":
                await hang(event)

        room.clerk.behaviour = hang_at_b
        await room.happen(*"abc", kind=Counted)
        await room.relay.deliver_due()
        assert await room.states("clerk") == ["delivered", "pending", "delivered"]
        assert len(await room.events("thing.noted")) == 2

    async def test_a_lost_claim_takes_what_was_written_with_it(self, room: Room) -> None:
        await room.happen("a", kind=Counted)
        [claim], _ = await room.queue.claim("clerk", 1)
        await room.pass_time()
        [other], _ = await room.queue.claim("clerk", 1)
        with pytest.raises(LostClaimError):
            await room.queue.deliver_in_transaction(room.clerk, [claim])
        assert await room.events("thing.noted") == []
        await room.queue.deliver_in_transaction(room.clerk, [other])
        assert len(await room.events("thing.noted")) == 1


class TestLease:
    async def test_a_lost_claim_cannot_be_marked(self, room: Room) -> None:
        await room.happen("a")
        [claim], _ = await room.queue.claim("listener", 1)
        await room.pass_time()
        [other], _ = await room.queue.claim("listener", 1)
        assert (claim.attempt, other.attempt) == (1, 2)
        with pytest.raises(LostClaimError):
            await room.queue.mark_delivered(claim)
        assert await room.queue.mark_failed(claim, "too late")
        delivery = await the_delivery(room)
        assert (delivery.state, delivery.attempts, delivery.error) == ("pending", 2, None)
        await room.queue.mark_delivered(other)
        with pytest.raises(LostClaimError):
            await room.queue.mark_delivered(claim)

    async def test_work_that_was_done_too_late_is_no_failure(
        self, room: Room, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def lose_the_claim(_event: RecordedEvent) -> None:
            async with room.manager.transaction() as session:
                await session.execute(update(EventDelivery).values(attempts=EventDelivery.attempts + 1))

        room.listener.behaviour = lose_the_claim
        await room.happen("a")
        await room.relay.deliver_due()
        assert (await the_delivery(room)).state == "pending"
        assert "too late" in caplog.text

    async def test_an_event_that_ends_the_process_each_time_becomes_a_dead_letter(self, room: Room) -> None:
        await room.happen("a", "a")
        for attempt in (1, 2, 3):
            [claim], _ = await room.queue.claim("listener", 1)
            assert claim.attempt == attempt
            await room.pass_time()
        await room.relay.deliver_due()
        first, second = await room.deliveries("listener")
        assert (first.state, first.error) == ("dead", "the process ended during each attempt")
        assert second.state == "delivered"
        assert [event.version for event in room.listener.received] == [2]

    @pytest.mark.parametrize("longer", ["HANDLER_TIMEOUT", "TRANSACTION_TIMEOUT"])
    def test_must_be_longer_than_a_delivery(self, start: StartContainer, database_url: str, longer: str) -> None:
        with pytest.raises(StartupError, match=r"^events\.lease \(EVENTS__LEASE\)"):
            start({"DATABASE__URL": database_url, "EVENTS__LEASE": "5", f"EVENTS__{longer}": "5"})


class TestSurroundings:
    async def test_a_handler_inherits_nothing(self, room: Room) -> None:
        """The relay may be called in the middle of a request: handlers do not inherit its context."""
        SecurityContext.set(TokenClaims(sub="ada", email="", role="", org_id="", jti=""), ["admin"])
        try:
            await room.happen("a")
            async with room.manager.transaction(read_only=True):
                await room.relay.deliver_due()
        finally:
            SecurityContext.clear()
        assert room.listener.contexts == [HandlerContext(False, "system", False, "-")]

    async def test_it_belongs_to_the_request_of_its_event(self, room: Room) -> None:
        async with room.manager.transaction() as session:
            await room.publisher.publish(Happened(aggregate_id="a", version=1))
            [event] = await room.events("thing.happened")
            event.request_id = "request-1"
            await session.flush()
        await room.relay.deliver_due()
        assert [found.request_id for found in room.listener.contexts] == ["request-1"]

    async def test_one_delivery_leaves_nothing_to_the_next(self, room: Room) -> None:
        async def become_ada(_event: RecordedEvent) -> None:
            SecurityContext.set(TokenClaims(sub="ada", email="", role="", org_id="", jti=""), [])

        for handler in (room.listener, room.clerk):
            handler.behaviour = become_ada
        await room.happen("a", "a", "b")
        await room.happen("c", "c", kind=Counted)
        await room.relay.deliver_due()
        assert {found.actor for found in room.listener.contexts} == {"system"}
        assert {found.in_transaction for found in room.clerk.contexts} == {True}


class TestUnknownHandler:
    async def test_is_left_alone(self, room: Room) -> None:
        """Another version of the program has that handler."""
        await room.happen("a", "a")
        await room.update_deliveries("listener", handler="somebody-else")
        assert await room.relay.deliver_due() == 2  # the neighbour's
        ignored = await room.deliveries("somebody-else")
        assert [(delivery.state, delivery.attempts) for delivery in ignored] == [("pending", 0)] * 2
