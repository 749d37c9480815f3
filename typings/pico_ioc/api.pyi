from collections.abc import Iterable
from logging import Logger
from typing import Any

from .aop import ContainerObserver
from .config_builder import ContextConfig
from .container import PicoContainer

def init(
    modules: Any,
    *,
    profiles: tuple[str, ...] = ...,
    allowed_profiles: Iterable[str] | None = ...,
    environ: dict[str, str] | None = ...,
    overrides: dict[Any, Any] | None = ...,
    logger: Logger | None = ...,
    config: ContextConfig | None = ...,
    custom_scopes: Iterable[str] | None = ...,
    validate_only: bool = ...,
    container_id: str | None = ...,
    observers: list[ContainerObserver] | None = ...,
    custom_scanners: list[Any] | None = ...,
) -> PicoContainer: ...
