"""Number new migrations: 0010 follows 0009. The files sort in the order in which the migrations run."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # see Revisions
    from alembic.operations.ops import MigrationScript
    from alembic.runtime.migration import MigrationContext

RANDOM_ID = re.compile("[0-9a-f]{12}")
"""The random id that Alembic 1.20 gives a revision without ``--rev-id``."""


def number_revisions(
    context: "MigrationContext", _revision: Any, directives: "list[MigrationScript]", prefix: str = ""
) -> None:
    """Give each new migration ``prefix`` and the next free number. Keep an id that was given by hand.

    Pass this to Alembic as ``process_revision_directives``. ``alembic revision`` without ``--autogenerate`` calls it
    only with ``revision_environment = true``.
    """
    assert context.script is not None
    known = (script.revision for script in context.script.walk_revisions())
    number = last_number(known, prefix)
    for script in directives:
        if RANDOM_ID.fullmatch(script.rev_id or ""):
            number += 1
            script.rev_id = f"{prefix}{number:04}"


def last_number(revisions: Iterable[str], prefix: str = "") -> int:
    """Return the highest number that follows ``prefix`` in ``revisions``, 0 if there is none."""
    numbers = (revision.removeprefix(prefix) for revision in revisions if revision.startswith(prefix))
    return max((int(number) for number in numbers if number.isdecimal()), default=0)
