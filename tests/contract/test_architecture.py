"""The rules between the rooms: the contracts in pyproject.toml, and rules that contracts cannot express."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from importlinter import configuration
from importlinter.application.use_cases import lint_imports

from myapp.boot import ROOT

PACKAGE = ROOT / "myapp"
FILES = sorted(PACKAGE.rglob("*.py"))
FEATURES = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()} - {"cli", "platform"}
PRIVATE = {"controllers", "models", "repositories"}
"""The files of a feature that no other feature may import."""

VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "misc", "core", "tools"}


@dataclass(frozen=True)
class Import:
    """An import of ``names`` from ``module``, which is absolute."""

    file: Path
    module: str
    names: tuple[str, ...]

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    @property
    def targets(self) -> set[str]:
        """Every module that the import may mean: ``from ..web import problems`` is ``myapp.web.problems`` too."""
        return {self.module, *(f"{self.module}.{name}" for name in self.names)}

    @property
    def parts(self) -> set[str]:
        return {part for target in self.targets for part in target.split(".")[2:3]}

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


IMPORTS = [found for file in FILES for found in imports(file)]


def owner(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_the_checks_find_files_and_imports() -> None:
    assert {"health", "notifications", "products"} <= FEATURES
    assert {found.file for found in IMPORTS} <= set(FILES)
    assert any(is_of_another_feature(found) for found in IMPORTS)


def test_the_contracts_of_import_linter_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    configuration.configure()  # not its command line, which disables the loggers of all other packages
    assert lint_imports(str(ROOT / "pyproject.toml"), cache_dir=None, no_logo=True), capsys.readouterr().out


def test_features_meet_through_services_and_events_only() -> None:
    """This is not a contract of import-linter, which would have to name each pair of features."""
    assert not [str(found) for found in IMPORTS if is_of_another_feature(found) and PRIVATE & found.parts]


def is_of_another_feature(found: Import) -> bool:
    rooms = {tuple(target.split(".")[:2]) for target in found.targets}
    own = owner(found.file)
    return own in FEATURES and any(("myapp", other) in rooms for other in FEATURES - {own})


def test_controllers_hold_no_query_and_no_rule() -> None:
    controllers = [file for file in FILES if file.stem == "controllers"]
    queries = {"get_session", "SessionManager", "transactional"}
    found = [
        str(found)
        for found in IMPORTS
        if found.file in controllers and (found.top == "sqlalchemy" or queries & set(found.names))
    ]
    long = [
        f"{file.relative_to(ROOT)}: {function.name} has {lines_of(function)} lines"
        for file in controllers
        for function in functions(file)
        if lines_of(function) > 5
    ]
    assert not found + long


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the number of lines without the docstring."""
    body = [statement for statement in function.body if not is_docstring(statement)]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def test_queries_are_in_repositories() -> None:
    assert not [
        str(found)
        for found in IMPORTS
        if not {PACKAGE / "platform" / "database", PACKAGE / "platform" / "broker"} & set(found.file.parents)
        and found.top == "sqlalchemy"
        and found.file.stem not in {"repositories", "models"}
    ]


def test_only_the_database_room_commits() -> None:
    room = PACKAGE / "platform" / "database"
    assert not [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in FILES
        if room not in file.parents
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"commit", "rollback"}
    ]


def test_annotations_are_never_strings() -> None:
    """Strings switch off validation in services (pico-pydantic 0.2.4) and break routes (pico-fastapi 0.4.4)."""
    assert not [str(found) for found in IMPORTS if found.module == "__future__"]


def test_validation_is_inside_of_the_transaction() -> None:
    """pico-ioc runs the innermost decorator first: bad data must not open a session."""
    wrong = []
    for file in FILES:
        for function in functions(file):
            names = [ast.unparse(decorator).partition("(")[0] for decorator in function.decorator_list]
            if {"validate", "transactional"} <= set(names) and names.index("validate") < names.index("transactional"):
                wrong.append(f"{file.relative_to(ROOT)}: {function.name}")
    assert not wrong


def test_no_file_has_a_vague_name() -> None:
    files = [*FILES, *(ROOT / "authserver").rglob("*.py")]
    paths = [path.relative_to(ROOT) for path in files]
    assert not [str(path) for path in paths if VAGUE & {part.removesuffix(".py") for part in path.parts}]
