"""docs/settings.md is generated from the two application.yaml. The other pages name settings that exist."""

import re
from pathlib import Path

import pytest

from docs.settings import API, AUTH_SERVER, PAGE, page, sections

from .pages import PAGES, name_of

ROW = re.compile(r"^\| `\w+` \| `(\w+)` \| (.*) \| (.*) \|$", re.MULTILINE)
KEY = re.compile(r"`([a-z_]+)\.(?!py`)([a-z_]+)`")
VARIABLE = re.compile(r"\b(?:AUTHSERVER__)?([A-Z_]+?)__([A-Z_]+)")
KNOWN = {section: set[str]() for file in (API, AUTH_SERVER) for section, _, _ in sections(file)}
for file in (API, AUTH_SERVER):
    for section, _, keys in sections(file):
        KNOWN[section] |= {key for key, _, _ in keys}


def test_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_every_key_has_a_default_and_a_meaning() -> None:
    rows = ROW.findall(page())
    assert len(rows) > 100
    assert [variable for variable, default, meaning in rows if not default.strip() or not meaning.strip()] == []


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_pages_name_settings_that_exist(path: Path) -> None:
    """Check names like `events.lease` and EVENTS__LEASE if their section exists."""
    text = path.read_text(encoding="utf-8")
    named = {*KEY.findall(text), *((section.lower(), key.lower()) for section, key in VARIABLE.findall(text))}
    assert sorted(f"{section}.{key}" for section, key in named if key not in KNOWN.get(section, {key})) == []
