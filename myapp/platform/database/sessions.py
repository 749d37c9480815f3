"""Transactions: roll back on errors, keep an error away from the next call, and refuse writes in read-only blocks."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from typing import Any
from weakref import WeakValueDictionary

import asyncpg
from pico_ioc import cleanup, component, factory
from pico_sqlalchemy import SessionManager
from pico_sqlalchemy.config import DatabaseSettings
from pico_sqlalchemy.session import TransactionContext, _tx_context
from sqlalchemy import event
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm.exc import StaleDataError

from ..errors import ConflictError, DatabaseUnavailableError
from ..pico.replacing import replaces
from .engine import READ_ONLY, EngineSettings, create_engine
from .turns import Turns

JOINING = {"REQUIRED", "SUPPORTS", "MANDATORY"}
COMMITTING = {"REQUIRED", "REQUIRES_NEW"}
AUTOCOMMIT = "AUTOCOMMIT"
PROPAGATIONS = JOINING | COMMITTING | {"NOT_SUPPORTED", "NEVER"}

NO_TURNS = nullcontext()

CONNECTION_ERRORS = (PoolTimeoutError, asyncpg.InterfaceError, asyncpg.PostgresError)
"""Errors of getting a connection. asyncpg raises its own while SQLAlchemy sets a connection up; no event sees these."""

READ_STATEMENT = re.compile(
    r"\s*(SELECT|VALUES|WITH(?!.*\b(INSERT|UPDATE|DELETE|MERGE)\b))\b", re.IGNORECASE | re.DOTALL
)


class ReadOnlyError(RuntimeError):
    """A read-only transaction tried to write: a bug in the program."""


class SecondStatementError(RuntimeError):
    """A transaction of one statement tried another one, when the first was committed: a bug in the program."""


class TransactionalSessionManager(SessionManager):
    """pico-sqlalchemy's session manager, with correct behaviour on errors.

    pico-sqlalchemy 0.5.3 delegates to nested generators, so an exception never reaches the code that rolls back: the
    dead session stays current and the writes of the next call are lost. It also ignores ``read_only``.
    """

    def __init__(self, engine: AsyncEngine, patience: float = EngineSettings.sqlite_busy_timeout) -> None:
        """``patience`` is how many seconds a writer waits for its turn while no other writer gets on."""
        # No super().__init__(): it would create a second engine without our options.
        self._engine = engine
        self._patience = patience
        is_sqlite = engine.dialect.name == "sqlite"
        # SQLite has one writer at a time, and those that wait for its lock get it by chance. So those of this process
        # wait here, in order and without a connection, and only processes fight for the lock.
        self._turns = Turns(patience) if is_sqlite else None
        self._turns_of_rows = WeakValueDictionary[tuple[Hashable, ...], Turns]()
        alone: dict[str, Any] = {} if is_sqlite else {"isolation_level": AUTOCOMMIT}
        self._session_factory = sessions_of(engine)
        self._reading_sessions = sessions_of(engine, refuse_write, **alone, **{READ_ONLY: True})
        self._single_sessions = self._session_factory if is_sqlite else sessions_of(engine, refuse_second, **alone)

    @asynccontextmanager
    async def transaction(
        self,
        propagation: str = "REQUIRED",
        read_only: bool = False,
        isolation_level: str | None = None,
        rollback_for: tuple[type[BaseException], ...] = (Exception,),
        no_rollback_for: tuple[type[BaseException], ...] = (),
    ) -> AsyncIterator[AsyncSession]:
        """Open a session. Commit it at the end, or roll it back if the block raises.

        A read-only block runs each statement in AUTOCOMMIT and cannot write. So does a block outside of any transaction
        (``SUPPORTS``, ``NOT_SUPPORTED``, ``NEVER``). An error commits and is still raised if it is in
        ``no_rollback_for``, or not in ``rollback_for``.

        With the ``isolation_level`` AUTOCOMMIT, a block that begins a transaction is one statement, which PostgreSQL
        commits before it answers. This takes one round trip, not three, and a create a fifth less time. On SQLite it is
        a block like others.

        Raises ReadOnlyError for a write in a read-only block, SecondStatementError, DatabaseUnavailableError,
        ConstraintViolationError, and ConflictError if another transaction changed a row that this one updates without a
        lock.
        """
        outer = _tx_context.get()
        if propagation not in PROPAGATIONS:
            raise ValueError(f"Unknown propagation: {propagation}")
        if propagation == "MANDATORY" and outer is None:
            raise RuntimeError("MANDATORY propagation requires active transaction")
        if propagation == "NEVER" and outer is not None:
            raise RuntimeError("NEVER propagation forbids active transaction")
        if outer is not None and propagation in JOINING:
            yield outer.session
            return

        commits = propagation in COMMITTING and not read_only
        async with AsyncExitStack() if commits else NO_TURNS as turns:
            if commits and isolation_level == AUTOCOMMIT:
                session, isolation_level = self._single_sessions(), None
            else:
                session = self.create_session() if commits else self._reading_sessions()
            transaction = Transaction(session, turns, in_turn=getattr(outer, "in_turn", False))
            if self._turns:
                await transaction.wait_for_turn(self._turns)
            _tx_context.set(transaction)
            try:
                if isolation_level:
                    await session.connection(execution_options={"isolation_level": isolation_level})
                try:
                    yield session
                except Exception as error:
                    if commits and (isinstance(error, no_rollback_for) or not isinstance(error, rollback_for)):
                        await transaction.commit()
                    raise
                if commits:
                    await transaction.commit()
                elif session.new or session.dirty or session.deleted:
                    raise ReadOnlyError("a read-only transaction ended with unsaved changes")
            except CONNECTION_ERRORS as error:
                await close(session)
                raise DatabaseUnavailableError from error
            except StaleDataError as error:
                await close(session)
                raise ConflictError("The resource was changed by another request.") from error
            except BaseException:
                await close(session)
                raise
            else:
                await session.close()
            finally:
                _tx_context.set(outer)

    async def wait_for_row(self, *row: Hashable) -> None:
        """Wait while another transaction of this process that has called this for the same ``row`` is open.

        Call it before a statement that locks one row. Writers that wait for a row then hold no connection, so
        writers of other rows and readers have enough of them, however many wait.
        """
        transaction = _tx_context.get()
        if isinstance(transaction, Transaction) and not transaction.session.in_transaction():
            await transaction.wait_for_turn(self._turns_of_rows.setdefault(row, Turns(self._patience)))


class Transaction(TransactionContext):
    """The current transaction and the turn to write that it has until its end."""

    __slots__ = ("_turns", "after_commit", "in_turn", "is_spent")

    def __init__(self, session: AsyncSession, turns: AsyncExitStack | None, *, in_turn: bool) -> None:
        super().__init__(session)
        self._turns = turns
        self.in_turn = in_turn
        """Whether this transaction or one around it has its turn."""
        self.after_commit: list[Callable[[], None]] = []
        """What to call when the transaction is committed."""
        self.is_spent = False
        """Whether a transaction of one statement has executed it."""

    async def commit(self) -> None:
        await self.session.commit()
        for callback in self.after_commit:
            callback()

    async def wait_for_turn(self, turns: Turns) -> None:
        """Wait, unless this transaction only reads or has a turn already: nobody who waits holds what others need."""
        if self._turns is not None and not self.in_turn:
            await self._turns.enter_async_context(turns)
            self.in_turn = True


async def wait_for_row(manager: SessionManager, *row: Hashable) -> None:
    """Call ``TransactionalSessionManager.wait_for_row``, from repositories, which know pico-sqlalchemy's class."""
    if isinstance(manager, TransactionalSessionManager):
        await manager.wait_for_row(*row)


def after_commit(callback: Callable[[], None]) -> None:
    """Call ``callback`` when the current transaction is committed. It must not raise."""
    transaction = _tx_context.get()
    if isinstance(transaction, Transaction):
        transaction.after_commit.append(callback)


async def close(session: AsyncSession) -> None:
    """Roll back and return the connection to the pool, even while the task is being cancelled."""
    await asyncio.shield(asyncio.ensure_future(session.close()))


def sessions_of(
    engine: AsyncEngine, refuse: Callable[..., None] | None = None, **options: Any
) -> async_sessionmaker[AsyncSession]:
    """Return the maker of sessions with these execution options. ``refuse`` is called before each statement."""
    if options:
        engine = engine.execution_options(**options)
    if refuse:
        event.listen(engine.sync_engine, "before_cursor_execute", refuse)
    return async_sessionmaker(engine, autoflush=False, expire_on_commit=False)


def refuse_write(_connection: object, _cursor: object, statement: str, *_: object) -> None:
    if not READ_STATEMENT.match(statement):
        raise ReadOnlyError("a read-only transaction tried to write")


def refuse_second(*_: object) -> None:
    transaction = _tx_context.get()
    if isinstance(transaction, Transaction):
        if transaction.is_spent:
            raise SecondStatementError("a transaction with AUTOCOMMIT is one statement, which is committed")
        transaction.is_spent = True


def create_session_manager(database: DatabaseSettings, settings: EngineSettings) -> TransactionalSessionManager:
    engine = create_engine(database, settings)
    is_sqlite = engine.dialect.name == "sqlite"
    return TransactionalSessionManager(engine, settings.sqlite_busy_timeout if is_sqlite else settings.command_timeout)


@factory
class SessionManagerFactory:
    @replaces(SessionManager)
    def create_session_manager(self, database: DatabaseSettings, engine: EngineSettings) -> SessionManager:
        return create_session_manager(database, engine)


@component
class EngineDisposal:
    """Closes the pool's connections when the container shuts down. pico-sqlalchemy 0.5.3 does not."""

    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    @cleanup
    async def dispose(self) -> None:
        await self._manager.engine.dispose()
