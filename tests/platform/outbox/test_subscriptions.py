"""The handlers of each event type. A wrong handler name stops the start."""

from typing import Any

import pytest

from myapp.platform.errors import StartupError
from myapp.platform.events.event import RecordedEvent
from myapp.platform.events.handler import EventHandler
from myapp.platform.outbox.subscriptions import Subscriptions


def handler(name: str, *types: str) -> EventHandler:
    async def handle(_self: Any, _event: RecordedEvent) -> None: ...

    made: EventHandler = type(
        "Made", (EventHandler,), {"name": name, "event_types": frozenset(types), "handle": handle}
    )()
    return made


def test_every_handler_hears_of_its_types() -> None:
    subscriptions = Subscriptions()
    subscriptions.add([handler("one", "a", "b"), handler("two", "b")])
    assert subscriptions.handlers_of("a") == ["one"]
    assert subscriptions.handlers_of("b") == ["one", "two"]
    assert subscriptions.handlers_of("c") == []


@pytest.mark.parametrize("names", [["one", "two", "one"], ["x" * 65]])
def test_names_tell_handlers_apart_and_fit_into_their_column(names: list[str]) -> None:
    with pytest.raises(StartupError, match=names[0]):
        Subscriptions().add([handler(name, "a") for name in names])
