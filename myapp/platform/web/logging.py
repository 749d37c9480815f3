"""Log lines as text or JSON, each with the id of its request. Times are UTC."""

import logging
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TextIO

from fastapi import FastAPI
from pico_fastapi import FastApiConfigurer
from pico_ioc import component
from pythonjsonlogger.json import JsonFormatter

from ..context.request_id import current_request_id
from .settings import WebSettings

TEXT = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"
FIELDS = "%(levelname)s %(name)s %(message)s %(request_id)s"


@lru_cache(maxsize=1)
def utc_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def utc_time(seconds: float) -> str:
    """Write a time since the epoch as RFC 3339 has it: ``2026-11-26T05:58:35.235Z``."""
    return f"{utc_second(int(seconds))}.{int(seconds % 1 * 1000):03d}Z"


class UtcFormatter(logging.Formatter):
    def formatTime(self, record: logging.LogRecord, _datefmt: str | None = None) -> str:
        return utc_time(record.created)


class RequestIdFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current_request_id()
        return True


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes lines to standard error."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.set_name("products-api")
        self.addFilter(RequestIdFilter())
        self.setFormatter(formatter)

    def write_text(self, level: str, name: str, message: str) -> None:
        """Write the line that ``UtcFormatter`` would make of a record, without a record."""
        line = TEXT % {
            "asctime": utc_time(time.time()),
            "levelname": level,
            "name": name,
            "request_id": current_request_id(),
            "message": message,
        }
        self.acquire()
        try:
            self.stream.write(line + self.terminator)
            self.stream.flush()
        except Exception:
            self.handleError(logging.makeLogRecord({"levelname": level, "name": name, "msg": message}))
        finally:
            self.release()


def log_fields(logger: logging.Logger, message: str, fields: Mapping[str, Any]) -> None:
    """Log a message at level INFO, with each field as an attribute of the record.

    A record is made for whoever reads it. While our own text handler is the only reader, no record is made, and a line
    costs 5 µs instead of 18.
    """
    if logger.isEnabledFor(logging.INFO):
        handler = only_handler(logger)
        if isinstance(handler, LineHandler) and isinstance(handler.formatter, UtcFormatter):
            handler.write_text("INFO", logger.name, message % fields)
        else:
            logger.info(message, fields, extra=fields)


def only_handler(logger: logging.Logger) -> logging.Handler | None:
    """Return the handler of a logger's records if there is just one and nothing else can filter or change them."""
    if logger.filters:
        return None
    found = None
    above: logging.Logger | None = logger
    while above:
        if above.handlers:
            if found or len(above.handlers) > 1:
                return None
            [found] = above.handlers
        above = above.parent if above.propagate else None
    return found if found and found.level <= logging.INFO and len(found.filters) == 1 else None


@component
class LoggingConfigurer(FastApiConfigurer):
    """Configure logging in a process that serves the application. A script keeps its own configuration."""

    def __init__(self, settings: WebSettings) -> None:
        self._settings = settings

    def configure_app(self, app: FastAPI) -> None:
        configure_logging(self._settings)


def configure_logging(settings: WebSettings) -> None:
    handler = LineHandler(JsonFormatter(FIELDS, timestamp=True) if settings.log_json else UtcFormatter(TEXT))
    root = logging.getLogger()
    root.handlers = [other for other in root.handlers if other.get_name() != handler.get_name()] + [handler]
    root.setLevel(settings.log_level)
    # aiosqlite logs the values of every statement.
    for name in ("httpx", "httpcore", "alembic.runtime.plugins", "aiosqlite"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # uvicorn's messages go to the root logger. Its access log is off: requests.py logs each request.
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.access").handlers = []
    logging.getLogger("uvicorn.access").propagate = False
