"""A temporary store for the rows of a report."""

import pickle
import sqlite3
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self

Row = tuple[Any, ...]


class Spool:
    """Holds any number of rows in constant memory, in a private temporary file that is deleted at the end.

    Rows are read from the database only once. So the totals of a report agree with its rows, and no connection is held
    while the file is written. Different threads may use a spool, but not at the same time.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute("CREATE TABLE rows (place, row BLOB)")
        self._database.execute("BEGIN")
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._database.close()

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows, sorted by place; rows with the same place as they were added. May be repeated."""
        for (row,) in self._database.execute("SELECT row FROM rows ORDER BY place, rowid"):
            yield pickle.loads(row)  # safe: only this class has written it

    def add(self, rows: Iterable[tuple[int | str, Row]]) -> None:
        """Add rows, each with its place in the order."""
        added = self._database.executemany(
            "INSERT INTO rows VALUES (?, ?)", ((place, pickle.dumps(row)) for place, row in rows)
        )
        self._size += added.rowcount
