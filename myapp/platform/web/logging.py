"""Log lines as text or JSON, each with the id of its request. Times are UTC."""

import logging
import time

from fastapi import FastAPI
from pico_fastapi import FastApiConfigurer
from pico_ioc import component
from pythonjsonlogger.json import JsonFormatter

from ..context.request_id import current_request_id
from .settings import WebSettings

TEXT = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"
FIELDS = "%(levelname)s %(name)s %(message)s %(request_id)s"


class UtcFormatter(logging.Formatter):
    """Write times as RFC 3339 has them: ``2026-11-26T05:58:35.235Z``."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"


class RequestIdFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current_request_id()
        return True


@component
class LoggingConfigurer(FastApiConfigurer):
    """Configure logging in a process that serves the application. A script keeps its own configuration."""

    def __init__(self, settings: WebSettings) -> None:
        self._settings = settings

    def configure_app(self, app: FastAPI) -> None:
        configure_logging(self._settings)


def configure_logging(settings: WebSettings) -> None:
    handler = logging.StreamHandler()
    handler.set_name("products-api")
    handler.addFilter(RequestIdFilter())
    handler.setFormatter(JsonFormatter(FIELDS, timestamp=True) if settings.log_json else UtcFormatter(TEXT))
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
