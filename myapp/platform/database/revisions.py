"""Compare the schema's revision with the migrations of this release."""

import re
from collections.abc import Collection
from enum import Enum, auto
from pathlib import Path

from sqlalchemy import Connection, String, column, inspect, select, table

from ..errors import StartupError

NUMBER = re.compile(r"(?P<prefix>(?:[a-z]+_)*)(?P<number>\d{4,8})(?:_.*)?")
"""A revision that numbering.py has made, such as ``0010`` or ``authserver_0002``; words may follow the number."""

PLACE = re.compile(r"""^(down_)?revision\b[^=\n]*=\s*["']([^"']+)["']""", re.MULTILINE)
"""The line of a migration with its own revision, or with the one before it, as Alembic's template writes them."""

REVISIONS = select(table("alembic_version", column("version_num", String)).c.version_num)


class SchemaState(Enum):
    CURRENT = auto()
    BEHIND = auto()
    """An older release has made the schema, or it is empty. It must be migrated before this release can work."""
    AHEAD = auto()
    """A newer release has migrated it. This release works: the migrations of a release only add to the schema."""
    UNKNOWN = auto()
    """It was not made by migrations of this program."""


class Revisions:
    """The revisions that this release knows, as the files in ``folder`` of Alembic say.

    Raises StartupError if they are not one line of migrations. Alembic would say the same, but it costs each process
    10 MB and 60 ms, and most starts find a schema that needs no migration.
    """

    def __init__(self, folder: Path) -> None:
        files = list(folder.glob("versions/*.py"))
        places = [place for file in files for place in PLACE.findall(file.read_text(encoding="utf-8"))]
        self._known: set[str] = {revision for down, revision in places if not down}
        ends = sorted(self._known - {revision for down, revision in places if down})
        if len(ends) != 1 or len(self._known) != len(files):
            raise StartupError(
                f"database.migrations_path (DATABASE__MIGRATIONS_PATH): {folder} must have one line of migrations, "
                f"each with its revision; it has {len(files)} files and the ends {', '.join(ends) or 'none'}"
            )
        (self.head,) = ends

    def state(self, found: Collection[str]) -> SchemaState:
        """Return the state of a schema whose table ``alembic_version`` has the rows ``found``."""
        if not found:
            return SchemaState.BEHIND
        if len(found) > 1:  # there is one line of migrations
            return SchemaState.UNKNOWN
        (revision,) = found
        if revision == self.head:
            return SchemaState.CURRENT
        if revision in self._known:
            return SchemaState.BEHIND
        return SchemaState.AHEAD if self._is_later(revision) else SchemaState.UNKNOWN

    def _is_later(self, revision: str) -> bool:
        ours, theirs = NUMBER.fullmatch(self.head), NUMBER.fullmatch(revision)
        if not ours or not theirs or ours["prefix"] != theirs["prefix"]:
            return False
        return int(theirs["number"]) > int(ours["number"])

    def describe(self, found: Collection[str]) -> str:
        """Say in one line how the schema stands to this release."""
        names = " and ".join(sorted(repr(revision)[1:-1] for revision in found))
        match self.state(found):
            case SchemaState.CURRENT:
                return f"the schema has revision {names}, as this release needs"
            case SchemaState.BEHIND:
                return f"the schema has revision {names or 'none'}, and this release needs {self.head}"
            case SchemaState.AHEAD:
                return f"the schema has revision {names} of a newer release; this one ({self.head}) works with it"
        return f"the schema has revision {names}, which the migrations of this release (up to {self.head}) do not know"


def revisions_of(connection: Connection) -> tuple[str, ...]:
    """Return the rows of the table ``alembic_version``; none if there is no such table."""
    if not inspect(connection).has_table("alembic_version"):
        return ()
    return tuple(connection.scalars(REVISIONS))
