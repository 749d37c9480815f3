"""Compare tables of docs/ with the code. tests/contract compares the table of docs/errors.md."""

import re

from myapp.boot import ROOT

from ..contract.test_access import ANY_TOKEN, PUBLIC, RULES
from .pages import text_of

OPERATION = re.compile(r"^\| `([A-Z]+) (/api/[^`]*)` \| ([^|]*) \|", re.MULTILINE)
PERMISSION = re.compile(r"`(\w+:\w+)`")


def test_api_lists_every_operation_with_its_permission() -> None:
    listed = {(method, path): access.strip() for method, path, access in OPERATION.findall(text_of("docs/api.md"))}
    known = {(method, shown(path)): rule for (method, path), rule in RULES.items() if path.startswith("/api/")}
    assert set(listed) == set(known)
    for operation, rule in known.items():
        access = listed[operation]
        if rule == PUBLIC:
            assert access == "none" or "no token" in access, operation
        elif rule == ANY_TOKEN:
            assert access.startswith(("any token", "the same", "as for")), operation
        else:
            assert PERMISSION.match(access), operation
            assert ", ".join(PERMISSION.findall(access)[: rule.count(",") + 1]) == rule, operation


def test_architecture_names_code_that_exists() -> None:
    rows = text_of("docs/architecture.md").partition("## What to look at")[2].partition("\n## ")[0].splitlines()
    names = {name for row in rows if row.startswith("| ") for name in re.findall(r"`(\w+)`", row.split("|")[2])}
    assert len(names) > 20
    sources = (path.read_text(encoding="utf-8") for path in ROOT.glob("myapp/**/*.py"))
    defined = set(re.findall(r"^ *(?:async )?(?:def|class) (\w+)", "\n".join(sources), re.MULTILINE))
    assert names - defined == set()


def shown(path: str) -> str:
    """Return the path as docs/api.md writes it: ``/products/{id}`` for ``/products/{product_id}``."""
    return re.sub(r"\{\w+_id\}", "{id}", path)
