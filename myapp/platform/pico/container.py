"""Make a container of the pico stack in which our replacements are active."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import pico_boot
from pico_ioc import ContextConfig, PicoContainer

from .private_names import check_private_names
from .replacing import check_replaced

WEB_STACK = ("pico_fastapi", "pico_sqlalchemy", "pico_pydantic", "pico_client_auth")


def make_container(
    modules: Sequence[str], config: ContextConfig, overrides: Mapping[type, Any] | None = None
) -> PicoContainer:
    """Return a container with the components of ``modules``, without pico-boot's discovery of plugins.

    pico-boot 0.2.1 loads every installed pico package into every process. pico-celery would bring all of Celery, which
    only the worker needs. ``overrides`` maps types to instances, for tests.

    Raises StartupError if the installed stack is not the one that our replacements are written for.
    """
    check_private_names()
    os.environ["PICO_BOOT_AUTO_PLUGINS"] = "false"
    container: PicoContainer = pico_boot.init(
        modules=list(modules), config=config, overrides=dict(overrides or {}) or None
    )
    check_replaced(container, modules, overrides or ())
    return container
