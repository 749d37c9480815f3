"""Routes that fail in every possible way. A test adds them to the application with ``modules=``."""

from typing import Any

from fastapi import HTTPException
from pico_client_auth import SecurityContext, allow_anonymous
from pico_client_auth.errors import InsufficientPermissionsError, MissingTokenError
from pico_fastapi import controller
from pico_ioc import component
from pico_pydantic import validate
from pico_sqlalchemy import SessionManager, get_session, transactional
from sqlalchemy import text

from myapp.platform.errors import (
    AlreadyExistsError,
    BrokerUnavailableError,
    ConflictError,
    ConstraintViolationError,
    CursorMismatchError,
    DatabaseUnavailableError,
    FeedUnavailableError,
    GoneError,
    IdempotencyInProgressError,
    IdempotencyKeyReusedError,
    InactiveCallerError,
    InsufficientStockError,
    IssuerUnavailableError,
    MailUnavailableError,
    NotFoundError,
    OwnAccountError,
    PreconditionFailedError,
    RefusedLine,
    StorageUnavailableError,
    TargetRefusedError,
)
from myapp.platform.web.problems import IDEMPOTENCY_KEY_REQUIRED, HttpProblem
from myapp.platform.web.routing import get
from myapp.products.schemas import ProductData

SECRET = "s3cret-of-the-inside"

ERRORS: dict[str, Exception] = {
    "unexpected": RuntimeError(SECRET),
    "key": KeyError(SECRET),
    "unicode": UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET),
    "recursion": RecursionError(SECRET),
    "memory": MemoryError(SECRET),
    "timeout": TimeoutError(SECRET),
    "not_found": NotFoundError("There is no such thing."),
    "conflict": ConflictError("The thing is in use."),
    "already_exists": AlreadyExistsError("name"),
    "precondition": PreconditionFailedError("The thing is in version 2."),
    "constraint": ConstraintViolationError("ck_products_price_positive", "price"),
    "constraint_without_field": ConstraintViolationError("fk_things_owner"),
    "database": DatabaseUnavailableError(),
    "issuer": IssuerUnavailableError(),
    "gone": GoneError("It was here."),
    "cursor": CursorMismatchError(["sort"]),
    "feed": FeedUnavailableError(),
    "storage": StorageUnavailableError(),
    "broker": BrokerUnavailableError(),
    "target": TargetRefusedError("The address is not public."),
    "mail": MailUnavailableError("451 try again later"),
    "inactive": InactiveCallerError(),
    "stock": InsufficientStockError([RefusedLine(("lines", 0, "delta"), 2)]),
    "own_account": OwnAccountError("Nobody can delete themselves."),
    "in_progress": IdempotencyInProgressError(),
    "key_reused": IdempotencyKeyReusedError(),
    "key_required": HttpProblem(IDEMPOTENCY_KEY_REQUIRED, "No key."),
    "token": MissingTokenError(SECRET),
    "forbidden": InsufficientPermissionsError(SECRET),
    "teapot": HTTPException(418, "I am a teapot", {"X-Tea": "green"}),
}


@component
class FaultyService:
    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    @validate
    async def check(self, data: ProductData) -> None: ...

    @transactional(read_only=True)
    async def ask(self, statement: str) -> Any:
        return (await get_session(self._manager).execute(text(statement))).all()

    async def only_for_admins(self) -> None:
        SecurityContext.require_role("admin")


@controller(prefix="/faulty", scope="singleton")
class FaultyController:
    def __init__(self, service: FaultyService) -> None:
        self._service = service

    @get("/errors/{name}")
    async def fail(self, name: str) -> Any:
        raise ERRORS[name]

    @get("/public")
    @allow_anonymous
    async def fail_in_public(self) -> Any:
        raise RuntimeError(SECRET)

    @get("/statement")
    async def fail_in_the_database(self) -> Any:
        return await self._service.ask(f"SELECT '{SECRET}' FROM no_such_table")

    @get("/contract")
    async def break_the_contract(self) -> Any:
        return await self._service.check({"name": "a", "price": -1})  # type: ignore[arg-type]

    @get("/role")
    async def for_admins(self) -> Any:
        return await self._service.only_for_admins()

    @get("/answer", response_model=ProductData)
    async def answer_of_the_wrong_form(self) -> Any:
        return {"name": SECRET}
