"""Rows on their way from the database to a file."""

import pickle
import sqlite3
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self

Row = tuple[Any, ...]


class Spool:
    """Any number of rows in constant memory: in a temporary file that nobody else can open, gone in the end.

    What was read is read but once, so that the totals of a report and its rows are of the same moment, and no
    connection is held while the file is written. May be used by one thread after the other.
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
        """In the order of their places; those of one place as they came. Any number of times."""
        for (row,) in self._database.execute("SELECT row FROM rows ORDER BY place, rowid"):
            yield pickle.loads(row)  # our own

    def add(self, rows: Iterable[tuple[int | str, Row]]) -> None:
        """Each with its place."""
        added = self._database.executemany(
            "INSERT INTO rows VALUES (?, ?)", ((place, pickle.dumps(row)) for place, row in rows)
        )
        self._size += added.rowcount
