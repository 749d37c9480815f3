"""Events are written in the transaction of their change, or not at all."""

import pytest
from pico_client_auth import SecurityContext, TokenClaims

from myapp.platform.context.request_id import set_request_id

from .room import Room
from .things import Happened, Noted, Wondered


class TestCommit:
    async def test_delivers(self, room: Room) -> None:
        await room.publish(Happened(aggregate_id="a", version=7, text="Grüße, мир"))
        assert room.listener.received == []
        assert await room.relay.deliver_due() == 2
        [event] = room.listener.received
        assert room.neighbour.received == [event]
        assert (event.type, event.aggregate, event.aggregate_id, event.version) == ("thing.happened", "thing", "a", 7)
        assert event.payload == {"text": "Grüße, мир"}
        assert (event.actor, event.request_id) == ("system", None)
        assert await room.relay.deliver_due() == 0
        assert await room.states("listener") == ["delivered"]

    async def test_records_the_actor_and_the_request(self, room: Room) -> None:
        SecurityContext.set(TokenClaims(sub="ada", email="", role="", org_id="", jti=""), [])
        set_request_id("request-1")
        try:
            await room.happen("a")
        finally:
            SecurityContext.clear()
            set_request_id(None)
        [event] = await room.events("thing.happened")
        assert (event.actor, event.request_id) == ("ada", "request-1")

    async def test_an_event_without_a_handler_is_recorded(self, room: Room) -> None:
        await room.publish(Noted(aggregate_id="a", version=1))
        assert len(await room.events("thing.noted")) == 1
        assert await room.relay.deliver_due() == 0

    async def test_keeps_the_order_of_any_number(self, room: Room) -> None:
        await room.publish(*(Happened(aggregate_id="a", version=version) for version in range(1500, 0, -1)))
        assert [event.version for event in await room.events("thing.happened")] == list(range(1500, 0, -1))
        deliveries = await room.deliveries("listener")
        assert len(deliveries) == 1500
        assert {row.state for row in deliveries} == {"pending"}

    async def test_takes_any_text(self, room: Room) -> None:
        texts = [
            "'); DROP TABLE events; --",
            '\\ " \\" \\u0041 %s :name $1 {}',
            "\u2028\U0001f600\t\n",
            "null",
            "1e400",
        ]
        await room.publish(*(Happened(aggregate_id=text, version=1, text=text) for text in texts))
        events = await room.events("thing.happened")
        assert [(event.aggregate_id, event.payload["text"]) for event in events] == [(text, text) for text in texts]

    async def test_an_event_without_an_aggregate_is_refused(self, room: Room) -> None:
        with pytest.raises(ValueError, match="aggregate"):
            await room.publish(Happened(aggregate_id="a", version=1), Happened(version=2))
        assert await room.events("thing.happened") == []


class TestHandlerThatIsNotNeeded:
    async def test_gets_the_events_that_are_written_when_it_is(self, room: Room) -> None:
        await room.happen("early", kind=Wondered)
        assert await room.states("visitor") == []
        await room.happen("a", kind=Noted)
        await room.happen("b", "c", kind=Wondered)
        assert await room.states("visitor") == ["pending", "pending"]
        assert await room.relay.deliver_due() == 2
        assert sorted(event.aggregate_id for event in room.visitor.received) == ["b", "c"]

    async def test_takes_nothing_from_others(self, room: Room) -> None:
        await room.publish(Wondered(aggregate_id="a", version=1), Happened(aggregate_id="a", version=2))
        assert await room.relay.deliver_due() == 2
        assert [len(each.received) for each in (room.listener, room.neighbour, room.visitor)] == [1, 1, 0]


class TestRollback:
    async def test_never_delivers(self, room: Room) -> None:
        with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the whole transaction must fail
            async with room.manager.transaction():
                await room.publisher.publish(Happened(aggregate_id="a", version=1))
                raise ZeroDivisionError
        assert await room.events("thing.happened") == []
        assert await room.relay.deliver_due() == 0
        assert room.listener.received == []

    async def test_there_is_no_event_without_a_transaction(self, room: Room) -> None:
        with pytest.raises(RuntimeError):
            await room.publisher.publish(Happened(aggregate_id="a", version=1))
        assert await room.events("thing.happened") == []

    async def test_nothing_is_delivered_before_the_commit(self, room: Room) -> None:
        async with room.manager.transaction():
            await room.publisher.publish(Happened(aggregate_id="a", version=1))
            assert await room.queue.find_due_handlers(["listener"]) == [
                "listener"
            ]  # visible in this transaction, not in others:
            assert await room.relay.deliver_due() == 0
        assert room.listener.received == []
        assert await room.relay.deliver_due() == 2
