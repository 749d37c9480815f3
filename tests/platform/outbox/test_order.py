"""Events are delivered in order for each handler and aggregate, independently of other handlers and aggregates."""

from myapp.platform.events.event import RecordedEvent

from .handlers import fail_with
from .room import Room
from .things import Counted


def versions_of(events: list[RecordedEvent]) -> list[tuple[str, int]]:
    return [(event.aggregate_id, event.version) for event in events]


class TestOrder:
    async def test_of_one_aggregate(self, room: Room) -> None:
        await room.happen(*"aabab", *"a" * 10)
        assert await room.relay.deliver_due() == 30
        for handler in (room.listener, room.neighbour):
            assert [event.version for event in handler.done if event.aggregate_id == "a"] == list(range(1, 14))
            assert [event.version for event in handler.done if event.aggregate_id == "b"] == [1, 2]

    async def test_a_failure_blocks_only_later_events_of_its_aggregate(self, room: Room) -> None:
        async def refuse_a(event: RecordedEvent) -> None:
            if event.aggregate_id == "a":
                raise ValueError

        room.listener.behaviour = refuse_a
        await room.happen(*"abab")
        await room.relay.deliver_due()
        assert versions_of(room.listener.received) == [("a", 1), ("b", 1), ("b", 2)]
        assert sorted(versions_of(room.neighbour.done)) == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
        await room.happen("a")
        assert await room.relay.deliver_due() == 1  # the neighbour's
        await room.pass_time()
        room.listener.reset()
        await room.relay.deliver_due()
        assert versions_of(room.listener.done) == [("a", 1), ("a", 2), ("a", 3)]

    async def test_a_dead_letter_does_not_block_later_events(self, room: Room) -> None:
        async def refuse_first(event: RecordedEvent) -> None:
            if event.version == 1:
                raise ValueError

        room.listener.behaviour = refuse_first
        await room.happen("a", "a")
        for _ in range(3):
            assert versions_of(room.listener.done) == []
            await room.pass_time()
            await room.relay.deliver_due()
        assert versions_of(room.listener.done) == [("a", 2)]
        assert await room.states("listener") == ["dead", "delivered"]

    async def test_a_claimed_event_blocks_later_events_of_its_aggregate(self, room: Room) -> None:
        await room.happen("a", "a")
        claims, postponed = await room.queue.claim("listener", 10)
        assert [claim.event.version for claim in claims] == [1]
        assert postponed == 1
        assert await room.queue.claim("listener", 10) == ([], 0)
        await room.pass_time()  # the lease has expired: the first event is due again
        [again], _ = await room.queue.claim("listener", 10)
        assert (again.event.version, again.attempt) == (1, 2)
        await room.queue.mark_delivered(again)
        [second], _ = await room.queue.claim("listener", 10)
        assert (second.event.version, second.attempt) == (2, 1)

    async def test_in_a_transaction(self, room: Room) -> None:
        await room.happen(*"aabbab", kind=Counted)
        assert await room.relay.deliver_due() == 6
        assert [event.version for event in room.clerk.done if event.aggregate_id == "a"] == [1, 2, 3]
        assert [event.version for event in room.clerk.done if event.aggregate_id == "b"] == [1, 2, 3]

    async def test_of_more_aggregates_than_fit_into_a_batch(self, room: Room) -> None:
        await room.happen(*map(str, range(150)), kind=Counted)
        assert await room.relay.deliver_due() == 150
        assert len(await room.events("thing.noted")) == 150


class TestRedelivery:
    async def test_comes_after_delivered_events_and_before_new_ones(self, room: Room) -> None:
        room.listener.behaviour = fail_with(ValueError())
        await room.happen("a")
        await room.exhaust()
        room.listener.reset()
        await room.happen("a")
        await room.relay.deliver_due()
        await room.happen("a")
        [first, _, _] = await room.deliveries("listener")
        await room.service.redeliver(first.event_id)
        await room.relay.deliver_due()
        assert versions_of(room.listener.done) == [("a", 2), ("a", 1), ("a", 3)]
