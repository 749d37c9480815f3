"""docs/settings.md is made from the two application.yaml."""

import re

from docs.settings import PAGE, page

ROW = re.compile(r"^\| `\w+` \| `(\w+)` \| (.*) \| (.*) \|$", re.MULTILINE)


def test_is_what_the_files_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python docs/settings.py`"


def test_every_key_has_a_default_and_a_meaning() -> None:
    rows = ROW.findall(page())
    assert len(rows) > 100
    assert [variable for variable, default, meaning in rows if not default.strip() or not meaning.strip()] == []
