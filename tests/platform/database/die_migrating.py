"""Migrate the configured database and die of SIGKILL when a batch of events is written.

``python -m tests.platform.database.die_migrating 5`` dies at the fifth batch.
"""

import os
import signal
import sys

from sqlalchemy import Engine, event

from myapp.cli.processes import migrate


def main(batches: int) -> None:
    written = 0

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal written
        written += statement.startswith("INSERT INTO events")
        if written == batches:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "after_cursor_execute", count)
    migrate()


if __name__ == "__main__":
    main(int(sys.argv[1]))
