from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .config_sources import TreeSource

class ConfigSource(Protocol):
    def get(self, key: str) -> str | None: ...

class EnvSource(ConfigSource):
    def __init__(self, prefix: str = ...) -> None: ...
    def get(self, key: str) -> str | None: ...

class FileSource(ConfigSource):
    def __init__(self, path: str, prefix: str = ...) -> None: ...
    def get(self, key: str) -> str | None: ...

class FlatDictSource(ConfigSource):
    def __init__(self, data: Mapping[str, Any], prefix: str = ..., case_sensitive: bool = ...) -> None: ...
    def get(self, key: str) -> str | None: ...

@dataclass(frozen=True)
class ContextConfig:
    flat_sources: tuple[EnvSource | FileSource | FlatDictSource, ...]
    tree_sources: tuple[TreeSource, ...]
    overrides: dict[str, Any]

def configuration(*sources: ConfigSource | TreeSource, overrides: dict[str, Any] | None = ...) -> ContextConfig: ...
