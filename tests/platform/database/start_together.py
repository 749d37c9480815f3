"""``python -m tests.platform.database.start_together 8`` starts the application in eight processes at the same moment.

The exit status is the number of processes that failed to start.
"""

import asyncio
import os
import sys

from myapp.boot import create_container


def start(gate: int) -> int:
    os.read(gate, 1)  # blocks until the parent closes the other end, then returns in all processes
    container = create_container()
    asyncio.run(container.ashutdown())
    return 0


def main(processes: int) -> int:
    gate, opener = os.pipe()
    children = []
    for _ in range(processes):
        if child := os.fork():
            children.append(child)
            continue
        os.close(opener)
        code = 1
        try:
            code = start(gate)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    os.close(opener)
    return sum(os.waitpid(child, 0)[1] != 0 for child in children)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1])))
