"""The handlers of each event type."""

import json
from collections.abc import Iterable, Mapping

from pico_ioc import component

from ..database.types import Condition
from ..errors import StartupError
from ..events.handler import EventHandler
from ..events.models import MAX_NAME
from .models import SOURCE_MARK


@component
class Subscriptions:
    """The registry of handler names. The relay fills it when the container starts.

    The outbox reads it instead of the handlers: they depend on services, which depend on the publisher.
    """

    def __init__(self) -> None:
        self._by_type: dict[str, list[str]] = {}
        self._conditions: dict[str, Condition] = {}
        self._json = "[]"

    def add(self, handlers: Iterable[EventHandler]) -> None:
        """Register ``handlers``. Raises StartupError if two share a name, or a name does not fit its column.

        A name with ``SOURCE_MARK`` is that of a ``HandlerSource``.
        """
        names: set[str] = set()
        for handler in handlers:
            if handler.name in names:
                raise StartupError(f"two event handlers have the name {handler.name!r}")
            if len(handler.name) > MAX_NAME:
                raise StartupError(
                    f"the name of the event handler {handler.name!r} is longer than {MAX_NAME} characters"
                )
            if SOURCE_MARK in handler.name:
                raise StartupError(f"the name of the event handler {handler.name!r} contains {SOURCE_MARK!r}")
            names.add(handler.name)
            if handler.needed_if is not None:
                self._conditions[handler.name] = handler.needed_if
            for event_type in handler.event_types:
                self._by_type.setdefault(event_type, []).append(handler.name)
        self._json = json.dumps(
            [{"type": type, "handler": name} for type in self._by_type for name in self._by_type[type]]
        )

    def as_json(self) -> str:
        """Return all pairs of ``type`` and ``handler``."""
        return self._json

    def conditions(self) -> Mapping[str, Condition]:
        """Return the conditions of the handlers that have one, by the name of the handler."""
        return self._conditions

    def handlers_of(self, event_type: str) -> list[str]:
        return self._by_type.get(event_type, [])
