"""A request's line is the same whether a record is made for it or not, and other readers of the log miss nothing."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from _pytest.logging import LogCaptureHandler

from myapp.platform.context.request_id import set_request_id
from myapp.platform.web.logging import TEXT, LineHandler, UtcFormatter, log_fields

MESSAGE = "%(method)s took %(duration_ms)sms"
FIELDS: dict[str, Any] = {"method": "GET", "duration_ms": 1.5}

pytestmark = pytest.mark.one_database


class Memory(logging.Handler):
    """Another reader of the log, as a user may add one."""

    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def made() -> Iterator[list[object]]:
    """Return the list of the records that are made."""
    made: list[object] = []
    factory = logging.getLogRecordFactory()

    def note(*arguments: Any, **options: Any) -> logging.LogRecord:
        made.append(record := factory(*arguments, **options))
        return record

    logging.setLogRecordFactory(note)
    yield made
    logging.setLogRecordFactory(factory)


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    """Return a logger that stands for the root logger, with our handler."""
    root = logging.getLogger("tests.root")
    monkeypatch.setattr("sys.stderr", io.StringIO())
    root.propagate = False
    root.setLevel(logging.INFO)
    root.addHandler(LineHandler(UtcFormatter(TEXT)))
    set_request_id("request-1")
    yield root
    set_request_id(None)
    root.handlers = []


@pytest.fixture
def logger(root: logging.Logger) -> Iterator[logging.Logger]:
    logger = logging.getLogger("tests.root.log.lines")
    yield logger
    for used in (logger, logging.getLogger("tests.root.log")):
        used.filters, used.handlers, used.propagate = [], [], True
        used.setLevel(logging.NOTSET)
        used.disabled = False


def own_handler(root: logging.Logger) -> LineHandler:
    [handler] = [handler for handler in root.handlers if isinstance(handler, LineHandler)]
    return handler


def written(root: logging.Logger) -> list[str]:
    stream = own_handler(root).stream
    assert isinstance(stream, io.StringIO)
    return [line.partition(" ")[2] for line in stream.getvalue().splitlines()]


def log(root: logging.Logger, logger: logging.Logger, **changes: Any) -> None:
    root.handlers = [handler for handler in root.handlers if not isinstance(handler, LogCaptureHandler)]  # of pytest
    log_fields(logger, MESSAGE, FIELDS | changes)


LINE = "INFO tests.root.log.lines [request-1] GET took 1.5ms"


def test_no_record_is_made_for_our_own_lines(root: logging.Logger, logger: logging.Logger, made: list[object]) -> None:
    log(root, logger)
    assert made == []
    logger.info(MESSAGE, FIELDS)
    assert written(root) == [LINE, LINE]
    first, second = own_handler(root).stream.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(first.split()[0]) == len(second.split()[0]) == len("2026-11-26T05:58:35.235Z")


@pytest.mark.parametrize("name", ["tests.root", "tests.root.log", "tests.root.log.lines"])
def test_another_handler_gets_a_record_with_the_fields(root: logging.Logger, logger: logging.Logger, name: str) -> None:
    logging.getLogger(name).addHandler(memory := Memory())
    log(root, logger)
    [record] = memory.records
    assert (record.getMessage(), record.levelname, record.name) == ("GET took 1.5ms", "INFO", "tests.root.log.lines")
    assert vars(record).items() >= FIELDS.items()
    assert written(root) == [LINE]


def test_another_handler_in_the_place_of_ours(root: logging.Logger, logger: logging.Logger) -> None:
    root.handlers = [memory := Memory()]
    log(root, logger)
    assert [record.getMessage() for record in memory.records] == ["GET took 1.5ms"]


def test_another_format_of_our_handler(root: logging.Logger, logger: logging.Logger) -> None:
    own_handler(root).setFormatter(logging.Formatter("- %(method)s"))
    log(root, logger)
    assert own_handler(root).stream.getvalue() == "- GET\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize("on_handler", [True, False])
def test_filters_see_a_record(root: logging.Logger, logger: logging.Logger, on_handler: bool) -> None:
    (own_handler(root) if on_handler else logger).addFilter(lambda record: record.__dict__["method"] != "GET")
    log(root, logger)
    log(root, logger, method="PUT")
    assert written(root) == [LINE.replace("GET", "PUT")]


def test_levels(root: logging.Logger, logger: logging.Logger, made: list[object]) -> None:
    own_handler(root).setLevel(logging.WARNING)
    log(root, logger)
    own_handler(root).setLevel(logging.NOTSET)
    logging.getLogger("tests.root.log").setLevel(logging.WARNING)
    made.clear()
    log(root, logger)
    assert made == []
    logging.getLogger("tests.root.log").setLevel(logging.NOTSET)
    logger.disabled = True
    log(root, logger)
    logger.disabled, logger.propagate = False, False
    log(root, logger)
    assert written(root) == []


def test_a_stream_that_is_closed_fails_no_request(
    root: logging.Logger, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_handler(root).stream.close()
    monkeypatch.setattr("sys.stderr", errors := io.StringIO())
    log(root, logger)
    assert "I/O operation on closed file" in errors.getvalue()
    assert "GET took 1.5ms" in errors.getvalue()


def test_times(root: logging.Logger) -> None:
    record = logging.makeLogRecord({"created": 1_795_672_715.9996, "msg": "text"})
    assert UtcFormatter("%(asctime)s %(message)s").format(record) == "2026-11-26T05:58:35.999Z text"
