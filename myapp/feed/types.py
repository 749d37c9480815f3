"""Which types of events a reader of the feed gets. A type is ``group.verb``, such as ``product.created``."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticCustomError

from ..platform.events.event import known_events

ALL_OF_GROUP = ".*"


@dataclass(frozen=True, slots=True)
class WantedTypes:
    """``names`` are types, ``groups`` stand for all their types. Without both, all types are wanted.

    Types of ``hidden`` groups are never wanted: the reader may not see them.
    """

    names: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()

    @property
    def are_all(self) -> bool:
        return not (self.names or self.groups or self.hidden)

    def match(self, type: str) -> bool:
        group = group_of(type)
        is_wanted = type in self.names or group in self.groups or not (self.names or self.groups)
        return is_wanted and group not in self.hidden

    def of_groups(self, groups: Collection[str]) -> set[str]:
        """Return those of ``groups`` that were asked for by name."""
        return {group for group in groups if group in self.groups or group in map(group_of, self.names)}


ALL_TYPES = WantedTypes()


def group_of(type: str) -> str:
    return type.partition(".")[0]


def parse_types(text: Any) -> Any:
    """Read names and groups such as ``product.*,report.finished``. For pydantic: refuse types that do not exist."""
    if not isinstance(text, str):
        return text
    names = {event.type for event in known_events()}
    groups = {group_of(name) for name in names}
    parts = text.split(",")
    for part in parts:
        if part not in names and not (part.endswith(ALL_OF_GROUP) and part.removesuffix(ALL_OF_GROUP) in groups):
            message = "{type} is not a type of events; groups are {groups}"
            shown = {"type": ascii(part[:64]), "groups": ", ".join(group + ALL_OF_GROUP for group in sorted(groups))}
            raise PydanticCustomError("unknown_event_type", message, shown)
    wanted_groups = {part.removesuffix(ALL_OF_GROUP) for part in parts if part not in names}
    return WantedTypes(frozenset(names.intersection(parts)), frozenset(wanted_groups))


def permissions_of_groups() -> Mapping[str, str]:
    """Return the permission that a reader needs for each group whose events hold more than data of the catalogue."""
    return {group_of(event.type): event.read_permission for event in known_events() if event.read_permission}
