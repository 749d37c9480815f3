"""Settings from a YAML file, overridden by environment variables named ``SECTION__KEY``."""

import dataclasses
import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import Enum, auto
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml
from pico_ioc.config_sources import TreeSource
from pico_ioc.exceptions import ConfigurationError
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from .errors import StartupError

SettingsT = TypeVar("SettingsT")

RelativePath = Annotated[str, "relative to the settings' file"]
"""The type of a setting that names a file or a folder. A value that is a URL stays as it is."""

Seconds = Annotated[float, Field(gt=0)]
"""The type of a setting that is a duration in seconds; it may have a fraction."""

DISTRIBUTION = "products-api"
"""The installed package. `fastapi.version` defaults to its version, so that pyproject.toml alone has the number."""

LITERALS = "literals"
"""The key, beside the sections, of texts that pico-ioc must not interpolate."""

TEMPLATE = "${"

SQLITE_PREFIX = "sqlite+aiosqlite:///"


@dataclasses.dataclass(frozen=True)
class Literal:
    """A text that pico-ioc does not recognise as one."""

    text: str

    def __str__(self) -> str:
        return self.text


class SettingsSource(TreeSource):
    """The merged, checked and typed settings of one application.

    ``sections`` maps the name of each section to its dataclass. Every section and key must be known, and every value
    must have the type of its field. In the environment, lists and mappings are written as JSON, and an empty variable
    counts as unset. A relative path (in
    ``database.url``, ``database.migrations_path`` or a key of the type RelativePath) starts at the folder of the YAML
    file, never at the working directory.

    In pico-ioc 2.5.2, ``EnvSource`` never reaches ``mapping="tree"`` settings, and tuples, ``str`` and ``bool`` are
    not checked. So this one source reads and checks both.

    ``get_tree`` raises ConfigurationError; its message is one line that names each bad key.
    """

    def __init__(self, path: Path, sections: Mapping[str, type], env_prefix: str = "") -> None:
        self._path = path
        self._sections = sections
        self._env_prefix = env_prefix

    def get_tree(self) -> Mapping[str, Any]:
        """Return the settings for pico-ioc, which replaces ``${ENV:NAME}`` and ``${ref:KEY}`` in every text.

        A variable of the environment is no template: a password keeps such signs. Its text stands apart, and pico-ioc
        puts it in without looking at it again.
        """
        tree = self._settings()
        literals: dict[str, Literal] = {}
        for keys, _ in self._environment():
            value = tree[keys[0]].get(keys[1])
            if isinstance(value, str) and TEMPLATE in value:
                literals[name := "_".join(keys)] = Literal(value)
                tree[keys[0]][keys[1]] = f"${{ref:{LITERALS}.{name}}}"
        return tree | ({LITERALS: literals} if literals else {})

    def _settings(self) -> dict[str, Any]:
        tree = self._read_yaml()
        if unknown := sorted(set(tree) - set(self._sections)):
            raise ConfigurationError(f"{unknown[0]}: unknown section in {self._path.name}")
        for keys, value in self._environment():
            node = tree
            for key in keys[:-1]:
                child = node.setdefault(key, {})
                if not isinstance(child, dict):
                    raise ConfigurationError(f"{'.'.join(keys)}: unknown key")
                node = child
            node[keys[-1]] = value
        checked = {name: self._check(name, section) for name, section in tree.items()}
        self._resolve_paths(checked)
        if "fastapi" in self._sections:
            fastapi = checked.setdefault("fastapi", {})
            fastapi["version"] = fastapi.get("version") or installed_version()
        return checked

    def settings(self, section: type[SettingsT]) -> SettingsT:
        """Return one section's settings, without a container. Raises StartupError."""
        name = next(name for name, known in self._sections.items() if known is section)
        try:
            return section(**self._settings().get(name, {}))
        except ConfigurationError as error:
            raise StartupError(str(error)) from error

    def _read_yaml(self) -> dict[str, Any]:
        try:
            with self._path.open(encoding="utf-8") as file:  # an error in a string would quote the line, secrets too
                tree = yaml.safe_load(file) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigurationError(f"{self._path.name}: cannot be read: {' '.join(str(error).split())}") from error
        if not isinstance(tree, dict):
            raise ConfigurationError(f"{self._path.name}: must be a mapping of sections")
        return {str(name): section for name, section in tree.items()}

    def _environment(self) -> Iterable[tuple[list[str], Any]]:
        """Yield the overrides of known sections. Other variables with two underscores belong to other programs.

        An empty variable counts as unset, because compose files and service managers cannot always leave one out.
        """
        for name, value in sorted(os.environ.items()):
            if not name.startswith(self._env_prefix):
                continue
            keys = name.removeprefix(self._env_prefix).lower().split("__")
            if len(keys) < 2 or keys[0] not in self._sections or not value:
                continue
            yield keys, self._parse(name, keys, value)

    def _parse(self, name: str, keys: list[str], value: str) -> Any:
        """Read ``value`` as the type of its setting says. Only that decides: a password may look like JSON."""
        syntax = syntax_of(type_at(self._sections, keys))
        if syntax is Syntax.TEXT:  # pydantic makes numbers and booleans of it
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            if syntax is Syntax.BOTH:
                return value
            key = ".".join(keys)
            raise ConfigurationError(f'{key} ({name}): must be a list or a mapping in JSON, such as ["a"]') from error

    def _check(self, name: str, section: object) -> dict[str, Any]:
        if not isinstance(section, dict):
            raise ConfigurationError(f"{name}: must be a mapping of keys")
        settings = self._sections[name]
        checked = checked_dataclass(settings, config=ConfigDict(extra="forbid"))
        try:
            value = TypeAdapter(checked).validate_python(section)
        except ValidationError as error:
            raise ConfigurationError("; ".join(self._describe(name, fault) for fault in error.errors())) from None
        known = {field.name for field in dataclasses.fields(settings)}
        return {key: as_mapping(getattr(value, key)) for key in section if key in known}

    def _describe(self, section: str, fault: Any) -> str:
        keys = [section, *(str(part) for part in fault["loc"])]
        variable = self._env_prefix + "__".join(keys).upper()
        reason = "unknown key" if fault["type"] == "unexpected_keyword_argument" else fault["msg"]
        return f"{'.'.join(keys)} ({variable}): {reason}"

    def _resolve_paths(self, tree: dict[str, dict[str, Any]]) -> None:
        folder = self._path.resolve().parent
        database = tree.get("database", {})
        url = database.get("url", "")
        if url.startswith(SQLITE_PREFIX) and (file := url.removeprefix(SQLITE_PREFIX)) not in ("", ":memory:"):
            database["url"] = SQLITE_PREFIX + str(folder / file)
        if database.get("migrations_path"):
            database["migrations_path"] = str(folder / database["migrations_path"])
        for name, settings in self._sections.items():
            for field in dataclasses.fields(settings):
                if field.type == RelativePath:  # a default is relative too
                    section = tree.setdefault(name, {})
                    place = section.get(field.name, field.default)
                    section[field.name] = place if "://" in place else str(folder / place)


class Syntax(Enum):
    """How the environment writes a value."""

    TEXT = auto()
    JSON = auto()
    BOTH = auto()
    """JSON where it is valid, otherwise text."""


def type_at(sections: Mapping[str, type], keys: Sequence[str]) -> Any:
    """Return the type of the setting with these keys. For an unknown setting, return ``str``."""
    found: Any = sections[keys[0]]
    for key in keys[1:]:
        if dataclasses.is_dataclass(found):
            found = get_type_hints(found).get(key, str)
        elif get_origin(found) in (dict, Mapping):
            found = get_args(found)[1]
        else:
            return str
    return found


def syntax_of(kind: Any) -> Syntax:
    if kind in (Any, object):
        return Syntax.BOTH
    if get_origin(kind) in (Union, UnionType):
        choices = {syntax_of(choice) for choice in get_args(kind) if choice is not NoneType}
        return choices.pop() if len(choices) == 1 else Syntax.BOTH
    kind = get_origin(kind) or kind
    if dataclasses.is_dataclass(kind):
        return Syntax.JSON
    is_text = not isinstance(kind, type) or issubclass(kind, str | bytes) or not issubclass(kind, Collection)
    return Syntax.TEXT if is_text else Syntax.JSON


def as_mapping(value: Any) -> Any:
    """Return a dataclass as a mapping, from which pico-ioc builds settings. Return another value unchanged."""
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value


def installed_version() -> str:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "unknown"  # run from a folder, not installed


def make_parent(file: Path, setting: str) -> None:
    """Create the folder of ``file``; its own parent must exist. Raises StartupError, which names the setting."""
    try:
        if not file.parent.is_dir():
            file.parent.mkdir()
    except FileExistsError as error:
        if not file.parent.is_dir():  # not made by another process in the meantime
            raise StartupError(f"{setting}: {file.parent} is no folder") from error
    except OSError as error:
        raise StartupError(f"{setting}: the folder {file.parent}: {error.strerror}") from error
