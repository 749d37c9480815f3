"""Numbers of new migrations: 0010 after 0009, so that files sort as they run and nobody chooses one by hand."""

import re
from collections.abc import Iterable
from typing import Any

from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

RANDOM_ID = re.compile("[0-9a-f]{12}")
"""What Alembic 1.20 makes up for a revision when no ``--rev-id`` is given."""


def number_revisions(context: MigrationContext, _revision: Any, directives: list[MigrationScript]) -> None:
    """Give each new migration the next free number; keep an id that was given by hand. Pass this to Alembic as
    ``process_revision_directives``, with ``revision_environment = true`` for ``alembic revision`` without autogenerate.
    """
    assert context.config is not None
    known = (script.revision for script in ScriptDirectory.from_config(context.config).walk_revisions())
    number = last_number(known)
    for script in directives:
        if RANDOM_ID.fullmatch(script.rev_id or ""):
            number += 1
            script.rev_id = f"{number:04}"


def last_number(revisions: Iterable[str]) -> int:
    """Return the highest number among ``revisions``, 0 if there is none."""
    return max((int(revision) for revision in revisions if revision.isdecimal()), default=0)
