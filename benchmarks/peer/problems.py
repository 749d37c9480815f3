"""Errors as RFC 9457 problem documents."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

logger = logging.getLogger("peer")


def problem(
    request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None, **members: Any
) -> Response:
    title = HTTPStatus(status).phrase
    code = title.lower().replace(" ", "_")
    document = {
        "type": f"urn:products-api:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        "code": code,
        "request_id": getattr(request.state, "request_id", None),
        **members,
    }
    return JSONResponse(document, status, headers, media_type="application/problem+json")


def field_error(error: Mapping[str, Any]) -> dict[str, str]:
    place, *path = error["loc"]
    reason = {"code": error["type"], "message": error["msg"]}
    if place == "body":
        return {"pointer": "#" + "".join(f"/{part}" for part in path), **reason}
    return {"parameter": str(path[0]) if path else "", **reason}


async def on_http_error(request: Request, error: HTTPException) -> Response:
    return problem(request, error.status_code, str(error.detail), error.headers)


async def on_invalid_request(request: Request, error: RequestValidationError) -> Response:
    return problem(request, 422, "The request is not valid.", errors=[field_error(each) for each in error.errors()])


async def on_database_down(request: Request, error: Exception) -> Response:
    logger.error("database: %s", error)
    return problem(request, 503, "The database cannot be reached.", {"Retry-After": "5"})


async def on_unexpected_error(request: Request, _error: Exception) -> Response:
    return problem(request, 500, "Something unexpected happened.")


def install_problems(app: FastAPI) -> None:
    app.exception_handler(HTTPException)(on_http_error)
    app.exception_handler(RequestValidationError)(on_invalid_request)
    for down in (PoolTimeoutError, OperationalError, InterfaceError, ConnectionError):
        app.exception_handler(down)(on_database_down)
    app.exception_handler(Exception)(on_unexpected_error)
