"""A report as CSV (RFC 4180), for spreadsheets and programs."""

import csv
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from .content import Column, ReportContent

ROWS_PER_STEP = 500

FORMULA = re.compile(r"[\s\x00-\x20'\"]*[=+\-@＝＋－＠\t\r\n]")  # noqa: RUF001 - spreadsheets take these for = + - @
"""Text that a spreadsheet may run as a formula, also after characters that it strips (OWASP, CSV injection)."""

UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


def write_csv(content: ReportContent, path: Path, on_rows: Callable[[int], None]) -> None:
    """Write only the first table of ``content``, because a CSV file has one header.

    The file is UTF-8 with a byte order mark; without it, Excel assumes another encoding. Times have the format of the
    API. Text that a spreadsheet could run as a formula gets an apostrophe in front; numbers stay numbers.
    ``on_rows`` is called with the number of rows written, after every 500 rows and at the end. If it raises, writing
    stops.
    """
    table = content.tables[0]
    written = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([sanitize(column.title) for column in table.columns])
        for written, row in enumerate(table.rows, 1):
            writer.writerow([format_cell(column, value) for column, value in zip(table.columns, row, strict=True)])
            if written % ROWS_PER_STEP == 0:
                on_rows(written)
    on_rows(written)


def format_cell(column: Column, value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case bool():
            return str(value).lower()
        case int() | float() | Decimal():
            return f"{value:.2f}" if column.kind == "money" else str(value)
    return sanitize(str(value))


def sanitize(text: str) -> str:
    text = UNWRITABLE.sub("\ufffd", text)
    return f"'{text}" if FORMULA.match(text) else text
