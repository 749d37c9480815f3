"""Keep SQLite's triggers when Alembic rebuilds a table (``batch_alter_table``): dropping a table drops its triggers."""

from typing import Any, NamedTuple

from sqlalchemy import Connection

TRIGGERS = """
SELECT trigger.name, trigger.sql, owner.name, owner.rootpage
FROM sqlite_master AS trigger JOIN sqlite_master AS owner ON owner.type = 'table' AND owner.name = trigger.tbl_name
WHERE trigger.type = 'trigger'
"""
ROOT_PAGE = "SELECT rootpage FROM sqlite_master WHERE type = 'table' AND name = ?"


class Trigger(NamedTuple):
    name: str
    sql: str
    table: str
    root_page: int
    """Page of the file where the table begins. It changes when the table is rebuilt."""


class TriggerKeeper:
    """Restores the triggers of rebuilt tables after each migration."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known = self._read()

    def restore(self, **_: Any) -> None:
        """Create the triggers again whose table was rebuilt. A trigger that the migration dropped itself stays dropped.

        Alembic calls this after each migration.
        """
        present = {trigger.name for trigger in self._read()}
        for trigger in self._known:
            root_page = self._connection.exec_driver_sql(ROOT_PAGE, (trigger.table,)).scalar()
            if trigger.name not in present and root_page not in (None, trigger.root_page):
                self._connection.exec_driver_sql(trigger.sql)
        self._known = self._read()

    def _read(self) -> list[Trigger]:
        return [Trigger(*row) for row in self._connection.exec_driver_sql(TRIGGERS)]
