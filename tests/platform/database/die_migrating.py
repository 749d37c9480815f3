"""Migrate the configured database and die of SIGKILL when a batch is written.

``python -m tests.platform.database.die_migrating 5 "INSERT INTO events"`` dies after the fifth such statement.
"""

import os
import signal
import sys

from sqlalchemy import Engine, event

from myapp.cli.processes import migrate


def main(batches: int, beginning: str) -> None:
    written = 0

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal written
        written += statement.lstrip().startswith(beginning)
        if written == batches:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "after_cursor_execute", count)
    migrate()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
