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

SIGNS = "=+\\-@＝＋－＠﹦﹢﹣﹫⁼⁺⁻₌₊₋−﬩⩵⩶"  # noqa: RUF001 - these are signs of formulas, too
"""The signs that begin a formula, and the characters that a spreadsheet may take for them."""

BREAKS = r";\t\n-\r\x1c-\x1e\x85\u2028\u2029"
"""Where a reader may begin another cell within a text: other separators than ours, and line breaks."""

SKIPPED = (
    r"\x00-\x08\x0e-\x1b\x1f\x20'\"\x7f-\x84\x86-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f"
    r"\u2000-\u200f\u202a-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Quotation marks, blanks and invisible characters, which a spreadsheet may skip before a sign."""

UNGUARDED = re.compile(
    rf"\A(?='|[{SKIPPED}]*[{SIGNS}\t\r\n])"
    rf"|(?<=[{BREAKS}])(?='|[{SKIPPED}]*(?:[{SIGNS}\t]|\Z))"  # at the end, a reader may go on in the next row
)
"""The places for an apostrophe.

Where the text has one already, it gets another, so that a reader may remove one at each place.
"""

UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


def write_csv(content: ReportContent, path: Path, on_rows: Callable[[int], None]) -> None:
    """Write only the first table of ``content``, because a CSV file has one header.

    The file is UTF-8 with a byte order mark; without it, Excel assumes another encoding. Times have the format of the
    API. Numbers stay numbers; text is guarded against formulas.
    ``on_rows`` is called with the number of rows written, after every 500 rows and at the end. If it raises, writing
    stops.
    """
    table = content.tables[0]
    written = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([guard(column.title) for column in table.columns])
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
    return guard(str(value))


def guard(text: str) -> str:
    """Return ``text`` with apostrophes, so that no cell begins like a formula, whether ``,`` ``;`` or a tab separates.

    A spreadsheet may split the file at another separator than ours, and then our quotation marks do not protect the
    text behind it. To get the text back, remove an apostrophe at the start and after each of BREAKS (docs/api.md).
    """
    return UNGUARDED.sub("'", UNWRITABLE.sub("\ufffd", text))
