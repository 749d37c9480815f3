"""Column types that mean the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, get_args

from sqlalchemy import ColumnElement, DateTime, Dialect, Numeric, TypeDecorator
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

Condition = ColumnElement[bool]
"""A condition that the database evaluates."""


class DirectFromAsyncpg:
    """A TypeDecorator whose ``process_result_value`` has nothing to do with asyncpg's values.

    SQLAlchemy calls it for each value of each row: for the three such columns of 50 products, a tenth of the read.
    """

    impl_instance: TypeEngine[Any]

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        converter: Any = self.impl_instance if dialect.driver == "asyncpg" else super()
        return converter.result_processor(dialect, coltype)


class Money(DirectFromAsyncpg, TypeDecorator[Decimal]):
    """An amount of up to 9,999,999,999.99, exact to the cent (``NUMERIC(12, 2)``).

    SQLite stores a float: its 15 significant digits hold these twelve without loss.
    """

    impl = Numeric(12, 2)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Numeric(12, 2, asdecimal=False))
        return dialect.type_descriptor(Numeric(12, 2))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        return float(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return Decimal(f"{value:.2f}") if value is not None and dialect.name == "sqlite" else value


class UtcDateTime(DirectFromAsyncpg, TypeDecorator[datetime]):
    """A moment, always in UTC. SQLite stores it without a time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Default(ColumnElement[Any]):
    """The ``server_default`` of a column whose value is written differently on each database."""

    inherit_cache = True

    def __init__(self, sqlite: str, postgresql: str) -> None:
        self.sql = {"sqlite": sqlite, "postgresql": postgresql}


@compiles(Default)
def compile_default(default: Default, compiler: SQLCompiler, **_: Any) -> str:
    return default.sql[compiler.dialect.name]


def sql_one_of(column: str, names: Any) -> str:
    """Return the SQL of a check constraint that allows only the names of a Literal."""
    quoted = ", ".join(f"'{name}'" for name in get_args(names))
    return f"{column} IN ({quoted})"


def utc_now() -> datetime:
    return datetime.now(UTC)


def as_created(context: Any) -> datetime:
    """Return the value of ``created_at`` as the default of ``updated_at``: equal to the microsecond."""
    moment: datetime = context.get_current_parameters()["created_at"]
    return moment
