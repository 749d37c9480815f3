"""A report as CSV (RFC 4180), for spreadsheets and programs."""

import csv
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from .content import Column, ReportContent

ROWS_A_STEP = 500

FORMULA = re.compile(r"[\s\x00-\x20'\"]*[=+\-@＝＋－＠\t\r\n]")  # noqa: RUF001 - spreadsheets take these for = + - @
"""What a spreadsheet may take for a formula, also behind what it strips (OWASP, CSV injection)."""

UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


def write_csv(content: ReportContent, path: Path, on_rows: Callable[[int], None]) -> None:
    """Write the first table of ``content``, and nothing else of it: a file has one header.

    UTF-8 with a byte order mark, without which Excel takes it for another encoding. Times are as in the API. Text that
    a spreadsheet could take for a formula gets an apostrophe in front; numbers stay numbers. ``on_rows`` is told, now
    and then and at the end, how many rows are written; what it raises ends the writing.
    """
    table = content.tables[0]
    written = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([safe(column.title) for column in table.columns])
        for written, row in enumerate(table.rows, 1):
            writer.writerow([cell(column, value) for column, value in zip(table.columns, row, strict=True)])
            if written % ROWS_A_STEP == 0:
                on_rows(written)
    on_rows(written)


def cell(column: Column, value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case bool():
            return str(value).lower()
        case int() | float() | Decimal():
            return f"{value:.2f}" if column.kind == "money" else str(value)
    return safe(str(value))


def safe(text: str) -> str:
    text = UNWRITABLE.sub("\ufffd", text)
    return f"'{text}" if FORMULA.match(text) else text
