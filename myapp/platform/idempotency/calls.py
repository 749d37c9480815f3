"""Make the writes of HTTP requests once for each key of a caller."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from weakref import WeakValueDictionary

from fastapi import FastAPI, Request, Response
from pico_fastapi import FastApiConfigurer
from pico_ioc import component
from pico_sqlalchemy import SessionManager
from pico_sqlalchemy.config import DatabaseSettings
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from ..context.claims import current_identity
from ..database.engine import EngineSettings
from ..database.session_settings import lock_timeout
from ..database.turns import Turns
from ..errors import DatabaseUnavailableError, IdempotencyInProgressError
from ..web.application import ProductsApp
from ..web.dispatch import is_json
from ..web.idempotency import KEY_HEADER, REPLAYED_HEADER, IdempotentCalls, Respond
from ..web.problems import INVALID_IDEMPOTENCY_KEY, HttpProblem
from .services import Answer, Claim, IdempotencyService
from .settings import IdempotencySettings


@component
class StoredCalls(IdempotentCalls):
    """Lets equal requests of one process wait for each other here, without a connection; the database decides.

    All requests with a key together hold at most half of a process's connections on PostgreSQL. Each may wait there for
    an equal request of another process, or for a row, and the other requests need connections meanwhile.
    """

    def __init__(
        self,
        service: IdempotencyService,
        manager: SessionManager,
        settings: IdempotencySettings,
        engine: EngineSettings,
        database: DatabaseSettings,
    ) -> None:
        self._service = service
        self._wait = min(settings.wait, lock_timeout(engine.command_timeout))
        self._answer_of = partial(answer_of, max_bytes=settings.max_answer_bytes)
        self._turns = WeakValueDictionary[bytes, Turns]()
        is_sqlite = manager.engine.dialect.name == "sqlite"  # its writers wait without a connection anyway
        self._connections = None if is_sqlite else asyncio.Semaphore(max(1, database.pool_size // 2))
        self._pool_timeout = engine.pool_timeout

    async def once(self, request: Request, key: str, respond: Respond) -> Response:
        claim = Claim(digest_of(key), await fingerprint_of(request))
        deadline = time.monotonic() + self._wait
        async with self._turn(claim.digest), self._connection():
            seconds = max(0.001, deadline - time.monotonic())
            found = await self._service.once(claim, seconds, respond, self._answer_of)
        return replay(found) if isinstance(found, Answer) else found

    @asynccontextmanager
    async def _turn(self, digest: bytes) -> AsyncIterator[None]:
        """Wait while another request of this process has the same key. Raises IdempotencyInProgressError."""
        turns = self._turns.setdefault(digest, Turns(self._wait))
        async with AsyncExitStack() as turn:
            try:
                async with asyncio.timeout(self._wait):
                    await turn.enter_async_context(turns)
            except (TimeoutError, DatabaseUnavailableError) as error:
                raise IdempotencyInProgressError from error
            yield

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[None]:
        """Wait until requests with a key may hold one more connection. Raises DatabaseUnavailableError."""
        if self._connections is None:
            yield
            return
        try:
            async with asyncio.timeout(self._pool_timeout):
                await self._connections.acquire()
        except TimeoutError as error:
            raise DatabaseUnavailableError from error
        try:
            yield
        finally:
            self._connections.release()


def digest_of(key: str) -> bytes:
    """Return what stands for the caller's ``key``. Raises a 400 problem without a caller, whose key it would be."""
    if (identity := current_identity()) is None:
        raise HttpProblem(INVALID_IDEMPOTENCY_KEY, f"{KEY_HEADER} needs a caller with a token.")
    return hashlib.sha256(json.dumps([*identity, key]).encode()).digest()


async def fingerprint_of(request: Request) -> bytes:
    """Return what stands for method, path, query, ``If-Match`` and body of a request.

    It is stored: if another release computes it otherwise, it refuses requests that are repeated across the upgrade.
    """
    path = request.scope["path"].removeprefix(request.scope["root_path"])
    if_match = ",".join(request.headers.getlist("if-match"))
    head = json.dumps([request.method, path, request.scope["query_string"].decode("latin-1"), if_match])
    body = await body_of(request)
    if is_json(request.headers.get("content-type", "")):
        body = canonical(body)
    return hashlib.sha256(head.encode() + b"\n" + body).digest()


async def body_of(request: Request) -> bytes:
    """Return the body. Raises a 400 problem if the client has gone."""
    try:
        return await request.body()
    except ClientDisconnect as error:
        raise HTTPException(400) from error


def canonical(body: bytes) -> bytes:
    """Return JSON with sorted members and without blanks, or ``body`` as it is if it is no JSON."""
    try:
        return json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return body


def answer_of(response: Response, max_bytes: int) -> Answer:
    """Return what is stored of ``response``: of a stream, or a large body, only status and ``Location``."""
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    body = getattr(response, "body", None)
    if body is None or len(body) > max_bytes:
        return Answer(response.status_code, {name: headers[name] for name in headers if name == "location"}, None)
    return Answer(response.status_code, headers, bytes(body))


def replay(answer: Answer) -> Response:
    return Response(answer.body, answer.status, {**answer.headers, REPLAYED_HEADER: "true"})


@component
class IdempotencyConfigurer(FastApiConfigurer):
    def __init__(self, calls: IdempotentCalls) -> None:
        self._calls = calls

    def configure_app(self, app: FastAPI) -> None:
        assert isinstance(app, ProductsApp)
        app.idempotent_calls = self._calls
