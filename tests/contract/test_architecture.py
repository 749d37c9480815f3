"""The rules between the rooms of myapp/, read from its source."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from myapp.boot import ROOT

PACKAGE = ROOT / "myapp"
FILES = sorted(PACKAGE.rglob("*.py"))
INFRASTRUCTURE = {"auth", "config", "database", "errors", "events", "mail", "startup", "storage", "text", "web"}
FEATURES = {path.parent.name for path in PACKAGE.glob("*/controllers.py")} - INFRASTRUCTURE
LAYERS = {"models", "schemas", "repositories", "services", "settings", "sample"}
"""The files of a feature that know nothing of HTTP."""

WEB = {"fastapi", "starlette", "pico_fastapi", "uvicorn", "httpx"}
VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "misc", "core", "tools"}


@dataclass(frozen=True)
class Import:
    """``module`` is absolute; ``names`` are what is taken from it."""

    file: Path
    module: str
    names: tuple[str, ...]

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    @property
    def targets(self) -> set[str]:
        """Every module that it may mean: ``from ..web import problems`` is ``myapp.web.problems`` too."""
        return {self.module, *(f"{self.module}.{name}" for name in self.names)}

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)} imports {self.module}"


def imports(file: Path) -> Iterator[Import]:
    package = file.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, alias.name, ())
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*start, *([node.module] if node.module else [])))
            yield Import(file, module, tuple(alias.name for alias in node.names))


def room(module: str) -> str | None:
    """``products`` for ``myapp.products.services``; None for what is not ours."""
    parts = module.split(".")
    return parts[1] if parts[0] == "myapp" and len(parts) > 1 else None


IMPORTS = [found for file in FILES for found in imports(file)]


def owner(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_there_is_something_to_look_at() -> None:
    assert {"products", "health"} <= FEATURES
    assert {room(target) for found in IMPORTS for target in found.targets} > FEATURES | INFRASTRUCTURE - {"startup"}


def test_rules_and_data_know_no_web() -> None:
    for found in IMPORTS:
        if owner(found.file) in FEATURES and found.file.stem in LAYERS:
            assert found.top not in WEB, found
            assert room(found.module) != "web", found


def test_the_database_and_the_errors_know_no_web() -> None:
    for found in IMPORTS:
        if owner(found.file) in {"database", "errors", "config"}:
            assert found.top not in WEB, found
            assert room(found.module) not in {"web", "auth"}, found


def test_what_features_stand_on_knows_no_feature() -> None:
    for found in IMPORTS:
        if owner(found.file) in INFRASTRUCTURE:
            assert not FEATURES & {room(target) for target in found.targets}, found


def test_features_meet_through_services_and_events_only() -> None:
    for found in IMPORTS:
        for target in found.targets:
            other = room(target)
            if owner(found.file) in FEATURES and other in FEATURES - {owner(found.file)}:
                assert target.split(".")[2:3] not in (["repositories"], ["models"], ["controllers"]), found


def test_rooms_do_not_depend_on_each_other_in_circles() -> None:
    graph: dict[str, set[str]] = {}
    for found in IMPORTS:
        rooms = {room(target) for target in found.targets} - {None, owner(found.file)}
        graph.setdefault(owner(found.file), set()).update(name for name in rooms if name)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


def test_controllers_hold_no_query_and_no_rule() -> None:
    for found in IMPORTS:
        if found.file.stem == "controllers":
            assert found.top != "sqlalchemy", found
            assert not {"get_session", "SessionManager", "transactional"} & set(found.names), found
    for file in FILES:
        if file.stem == "controllers":
            for function in functions(file):
                body = [statement for statement in function.body if not is_docstring(statement)]
                lines = body[-1].end_lineno - body[0].lineno + 1 if body and body[-1].end_lineno else 0
                assert lines <= 5, f"{file.relative_to(ROOT)}: {function.name} has {lines} lines"


def is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def test_queries_stand_in_repositories() -> None:
    for found in IMPORTS:
        if owner(found.file) in FEATURES and found.top == "sqlalchemy":
            assert found.file.stem in {"repositories", "models"}, found


def test_only_the_database_room_commits() -> None:
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in {"commit", "rollback"}:
                assert owner(file) == "database", f"{file.relative_to(ROOT)}:{node.lineno}"


def test_annotations_are_never_strings() -> None:
    """They switch validation off in services (pico-pydantic 0.2.4) and break routes (pico-fastapi 0.4.4)."""
    for found in IMPORTS:
        assert found.module != "__future__", found


def test_validation_is_inside_of_the_transaction() -> None:
    """pico-ioc runs the innermost decorator first: bad data must not open a session."""
    for file in FILES:
        for function in functions(file):
            names = [ast.unparse(decorator).partition("(")[0] for decorator in function.decorator_list]
            if "validate" in names and "transactional" in names:
                assert names.index("transactional") < names.index("validate"), f"{file}: {function.name}"


def test_files_are_named_after_what_they_are_about() -> None:
    for path in [*FILES, *(ROOT / "authserver").rglob("*.py")]:
        assert not VAGUE & {part.removesuffix(".py") for part in path.relative_to(ROOT).parts}, path


def test_the_auth_server_knows_no_feature() -> None:
    for file in sorted((ROOT / "authserver").rglob("*.py")):
        for found in imports(file):
            assert not FEATURES & {room(target) for target in found.targets}, found


def test_the_application_does_not_know_the_worker() -> None:
    """But for `products-api worker`: Celery stays out of every other process."""
    for found in IMPORTS:
        if owner(found.file) != "cli":
            assert found.top not in {"worker", "pico_celery"}, found


def test_the_application_does_not_know_the_auth_server() -> None:
    """But for `products-api demo`, which starts both."""
    for found in IMPORTS:
        if owner(found.file) not in {"demo", "cli"}:
            assert found.top != "authserver", found
