"""Rules that hold for all failures, in any order of steps (hypothesis)."""

import asyncio
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from myapp.platform.events.event import RecordedEvent
from tests.databases import gate_on_postgresql

from .room import Room
from .things import Counted, Happened

AGGREGATES = "abc"

# What a handler does with each event it receives. At the end of the list it succeeds.
outcomes = st.lists(st.sampled_from(["succeed", "succeed", "fail", "lose"]), max_size=40)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("happen"), st.text(AGGREGATES, min_size=1, max_size=6)),
        st.tuples(st.sampled_from(["deliver", "deliver", "pass time", "redeliver"]), st.just("")),
    ),
    min_size=3,
    max_size=20,
)


class Unreliable:
    """Succeeds, fails, or is cancelled in the middle, like the work of a killed process."""

    def __init__(self, outcomes: Sequence[str]) -> None:
        self._outcomes = list(outcomes)

    async def __call__(self, _event: RecordedEvent) -> None:
        outcome = self._outcomes.pop() if self._outcomes else "succeed"
        if outcome == "fail":
            raise ValueError
        if outcome == "lose":
            task = asyncio.current_task()
            assert task
            task.cancel()
            await asyncio.sleep(0)


@gate_on_postgresql
@settings(max_examples=min(settings.default.max_examples, 20), suppress_health_check=list(HealthCheck))  # long ones
@given(steps=steps, outcomes=outcomes)
async def test_every_event_is_delivered_in_order(room: Room, steps: list[tuple[str, str]], outcomes: list[str]) -> None:
    """First deliveries are in order. Only dead letters may come later, when an operator redelivers them."""
    await room.clear()
    room.listener.behaviour = room.clerk.behaviour = Unreliable(outcomes)
    redelivered = False
    for step, aggregates in steps:
        match step:
            case "happen":
                await room.happen(*aggregates, kind=Happened)
                await room.happen(*aggregates, kind=Counted)
            case "deliver":
                await room.relay.deliver_due()
            case "pass time":
                await room.pass_time()
            case "redeliver":
                redelivered |= await room.service.redeliver_all() > 0
    await room.exhaust()
    given_up = {
        (handler, delivery.event_id)
        for handler in ("listener", "clerk")
        for delivery in await room.deliveries(handler)
        if delivery.state == "dead"
    }
    for handler in (room.listener, room.neighbour, room.clerk):
        kind = Counted if handler is room.clerk else Happened
        events = [event.id for event in await room.events(kind.type)]
        done = list(dict.fromkeys(event.id for event in handler.done))
        for aggregate in AGGREGATES:
            ids = list(dict.fromkeys(event.id for event in handler.done if event.aggregate_id == aggregate))
            assert redelivered or ids == sorted(ids)
        assert {*events} == {*done} | {event_id for name, event_id in given_up if name == handler.name}
    # The clerk's writes are in the transaction of the record, so they happen once.
    noted = [event.version for event in await room.events("thing.noted")]
    delivered = [delivery for delivery in await room.deliveries("clerk") if delivery.state == "delivered"]
    assert len(noted) == len(delivered)
