"""Write many rows of one table at once. Columns and types come from the model, as in ``rows``.

On PostgreSQL each function sends one statement, whose rows are one parameter. On SQLite it executes one statement for
all rows.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic_core import to_jsonable_python
from sqlalchemy import (
    ARRAY,
    JSON,
    Column,
    ColumnElement,
    Delete,
    Integer,
    String,
    any_,
    bindparam,
    column,
    delete,
    func,
    insert,
    select,
    table,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningInsert, Update

from .rows import KEY, has_key, parameters

ROWS, KEYS = "_rows", "_keys"
"""The bind parameters for all rows, and for the primary keys of all rows to delete."""
POSITION = "_position"

NUMBERS = table("sqlite_sequence", column("name", String), column("seq", Integer))
"""Where SQLite keeps the last id of each table with AUTOINCREMENT."""
LAST_ID = select(NUMBERS.c.seq).where(NUMBERS.c.name == bindparam("name"))


async def insert_rows(session: AsyncSession, entity: Any, rows: Sequence[Mapping[str, Any]]) -> Sequence[int]:
    """Insert ``rows``, each a ``new_row``. Return their ids, in the order of the rows."""
    if not is_sqlite(session):
        told = [{**row, POSITION: position} for position, row in enumerate(rows)]
        statement = insertion_of_many(entity, frozenset(rows[0]))
        return sorted(await session.scalars(statement, {ROWS: to_jsonable_python(told)}))
    [key] = entity.__table__.primary_key
    # Nobody else writes meanwhile: a transaction of SQLite that writes has the database for itself.
    last: int = await session.scalar(LAST_ID, {"name": entity.__tablename__}) or 0
    ids = range(last + 1, last + 1 + len(rows))
    numbered = [{**row, key.name: id} for id, row in zip(ids, rows, strict=True)]
    await (await session.connection()).execute(insert(entity.__table__), numbered)
    return ids


async def update_rows(session: AsyncSession, entity: Any, rows: Mapping[int, Mapping[str, Any]]) -> None:
    """Set the values of rows that the transaction has locked, by their ids. All rows set the same columns."""
    told = [{**row, KEY: id} for id, row in rows.items()]
    names = frozenset(next(iter(rows.values())))
    if is_sqlite(session):
        statement = update(entity.__table__).where(has_key(entity)).values(parameters(entity, names))
        await (await session.connection()).execute(statement, told)
    else:
        await session.execute(update_of_many(entity, names), {ROWS: to_jsonable_python(told)})


async def delete_rows(session: AsyncSession, entity: Any, ids: Sequence[int]) -> None:
    """Delete rows that the transaction has locked."""
    await session.execute(deletion_of_many(entity, is_sqlite(session)), {KEYS: ids})


def is_sqlite(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def among(compared: Any, name: str, *, sqlite: bool) -> ColumnElement[bool]:
    """Return the condition that a column has one of the values in the list of the bind parameter ``name``.

    Unlike with IN, the statement is the same for any number of values.
    """
    if sqlite:
        values = func.json_each(bindparam(name, type_=JSON)).table_valued(column("value", compared.type))
        found: ColumnElement[bool] = compared.in_(select(values.c.value))
        return found
    kind = Integer() if isinstance(compared.type, Integer) else String()
    return compared == any_(bindparam(name, type_=ARRAY(kind)))  # type: ignore[no-any-return]  # a column is Any here


@cache
def insertion_of_many(entity: Any, names: Collection[str]) -> ReturningInsert[Any]:
    columns = columns_of(entity, names)
    told = told_rows([*columns, Column(POSITION, Integer)])
    # PostgreSQL numbers the rows in this order.
    rows = select(*(told.c[each.name] for each in columns)).order_by(told.c[POSITION])
    inserted = insert(entity.__table__).from_select(columns, rows, include_defaults=False)
    return inserted.returning(*entity.__table__.primary_key)


@cache
def update_of_many(entity: Any, names: Collection[str]) -> Update:
    [key] = entity.__table__.primary_key
    told = told_rows([*columns_of(entity, names), Column(KEY, key.type)])
    values = {name: told.c[name] for name in names}
    return update(entity.__table__).where(key == told.c[KEY]).values(values)


@cache
def deletion_of_many(entity: Any, sqlite: bool) -> Delete:
    [key] = entity.__table__.primary_key
    return delete(entity.__table__).where(among(key, KEYS, sqlite=sqlite))


def columns_of(entity: Any, names: Collection[str]) -> list[Column[Any]]:
    return [each for each in entity.__table__.columns if each.name in names]


def told_rows(columns: Sequence[Column[Any]]) -> Any:
    rows = func.json_to_recordset(bindparam(ROWS, type_=JSON))
    told = rows.table_valued(*(column(each.name, each.type) for each in columns))
    return told.render_derived(name="told", with_types=True)
