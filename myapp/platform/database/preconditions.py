"""Ask at start for what this service needs of a database, rather than fail at the first request that needs it."""

import os
from pathlib import Path
from typing import Self

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..config import make_parent
from ..errors import StartupError
from .faults import POOLER_FOUND, POOLER_SQLSTATES, sqlstate_of
from .url import SETTING, parse_url

SESSION = "SELECT pg_backend_pid(), pg_postmaster_start_time()"
"""Identifies the server's process that executes a statement."""


def make_folder(url: str) -> None:
    """Create the folder of SQLite's file; its parent must exist. Raises StartupError."""
    if file := parse_url(url).sqlite_file:
        make_parent(file, SETTING)


def sqlite_file_fault(file: Path) -> str | None:
    """Return why the service cannot write SQLite's ``file``, or None. It need not exist yet."""
    if file.is_dir():
        return f"{file} is a folder"
    if file.exists():
        if not os.access(file, os.R_OK | os.W_OK, effective_ids=True):
            return f"{file} cannot be read and written by this user"
        if not file.is_file():
            return f"{file} is no file"
    if not os.access(file.parent, os.W_OK | os.X_OK, effective_ids=True):
        return f"the folder {file.parent} cannot be written by this user: SQLite keeps files beside its database"
    return None


class SqliteFile:
    """The file of an SQLite database, as long as the process runs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity = self._identify()

    @classmethod
    def of(cls, url: str) -> Self | None:
        path = parse_url(url).sqlite_file
        return cls(path) if path else None

    def fault(self) -> str | None:
        """Return why the service cannot work with the file any more, or None."""
        identity = self._identify()
        self._identity = self._identity or identity
        if not identity:
            return f"{self._path} was deleted"
        if identity != self._identity:
            return f"{self._path} was replaced, but the connections of this process still use the old file"
        return sqlite_file_fault(self._path)

    def _identify(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


async def check_preconditions(engine: AsyncEngine, transaction_pooler: bool, setting: str) -> None:
    """Raise StartupError if a PostgreSQL database is not UTF8, or behind a pooler that the settings do not know."""
    if engine.dialect.name == "sqlite":
        return
    single = engine.execution_options(isolation_level="AUTOCOMMIT")
    async with single.connect() as connection:
        # Another encoding could not store every character. The driver itself always asks for UTF8.
        encoding = (await connection.exec_driver_sql("SELECT current_setting('server_encoding')")).scalar_one()
        if encoding != "UTF8":
            raise StartupError(f"{setting}: the database has the encoding {encoding}: create it with ENCODING 'UTF8'")
        if not transaction_pooler and await shares_sessions(single, connection):
            raise pooler_found(setting)


async def shares_sessions(engine: AsyncEngine, first: AsyncConnection) -> bool:
    """Return whether two connections that are open at once are one session for the server.

    They are behind a pooler in transaction mode, unless other clients keep it busy at this moment.
    """
    try:
        async with engine.connect() as second:
            for _ in range(2):
                seen = [tuple((await each.exec_driver_sql(SESSION)).one()) for each in (first, second)]
                if seen[0] == seen[1]:
                    return True
    except DBAPIError as error:
        return sqlstate_of(error.orig) in POOLER_SQLSTATES
    except OSError:  # the server has no room for a second connection, or is slow
        pass
    return False


def pooler_found(setting: str) -> StartupError:
    return StartupError(f"{setting}: {POOLER_FOUND}")
