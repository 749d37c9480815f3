"""Every link, anchor and path in the pages exists."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from myapp.boot import ROOT

from .pages import PAGES, name_of, text_of

MAX_README = 10_000
"""The limit in bytes. People read README before they try anything."""

FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"[\w.-]+(/[\w.-]+)*/?")
TOP = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")} - {"data"}
EXAMPLES = {"myapp/staff.py", "myapp/suppliers/", "tests/suppliers/"}
"""Paths that readers create themselves."""


@cache
def prose(page: Path) -> str:
    """Return the text without code blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


@cache
def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of the headings."""
    return {slug(heading) for heading in HEADING.findall(prose(page))}


def slug(heading: str) -> str:
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower().replace("`", "")
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def broken_links(page: Path) -> Iterator[str]:
    for link in LINK.findall(prose(page)):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


def missing_paths(page: Path) -> Iterator[str]:
    """Yield the paths in backticks that do not exist. A path begins with a folder of the repository."""
    for code in CODE.findall(prose(page)):
        is_path = PATH.fullmatch(code) and "/" in code and code.split("/")[0] in TOP
        if is_path and code not in EXAMPLES and not (ROOT / code).exists():
            yield code


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_exist(page: Path) -> None:
    assert list(broken_links(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_paths_exist(page: Path) -> None:
    assert list(missing_paths(page)) == []


def test_readme_is_short_and_links_every_page() -> None:
    readme = ROOT / "README.md"
    assert readme.stat().st_size <= MAX_README
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in LINK.findall(prose(readme))}
    pages = {page for page in PAGES if page.parent.name not in ("decisions", ".github") or page.name == "README.md"}
    assert pages - linked - {readme} == set()


def test_readme_commands_for_uv_install_the_same() -> None:
    """The two commands for uv are those for pip, in the same order."""
    text = text_of("README.md")
    pip_commands = re.findall(r"<!-- (?:run|test) -->\n```sh\n(.*?)```", text, re.DOTALL)
    uv_commands = re.findall(r"<!-- uv -->\n```sh\n(.*?)```", text, re.DOTALL)
    assert len(uv_commands) == 2
    assert uv_commands == [
        command.replace("python3 -m venv", "uv venv -q --clear").replace(".venv/bin/pip install", "uv pip install")
        for command in pip_commands
    ]


class TestChecks:
    """The checks above find what is wrong."""

    def test_find_faults(self, tmp_path: Path) -> None:
        page = tmp_path / "page.md"
        page.write_text(
            "# A `b` c …\n[1](#a-b-c-) [2](#a) [3](none.md) `myapp/nothing.py` `myapp/boot.py` `text/plain`\n"
        )
        assert list(broken_links(page)) == ["#a", "none.md"]
        assert list(missing_paths(page)) == ["myapp/nothing.py"]
