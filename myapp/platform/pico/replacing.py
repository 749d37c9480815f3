"""Replace components of the stack by ours."""

import inspect
from collections.abc import Callable, Collection
from typing import Any, NamedTuple, TypeVar

from pico_ioc import PicoContainer, component, provides
from pico_ioc.constants import PICO_META

from ..errors import StartupError

OursT = TypeVar("OursT", bound=Any)


class Replacement(NamedTuple):
    theirs: type
    ours: Callable[..., Any]
    """A class, or the method of a ``@factory`` that makes the object."""

    def is_in(self, container: PicoContainer) -> bool:
        """Return whether ``container`` makes ``theirs`` by ``ours``."""
        found = container.metadata_for(self.theirs)
        made_by = getattr(found.factory_class, found.factory_method or "", None) if found else None
        return found is not None and self.ours in (found.concrete_class, made_by)

    def belongs_to(self, modules: Collection[str]) -> bool:
        """Return whether a scan of ``modules`` and their submodules finds ``ours``."""
        return any(f"{self.ours.__module__}.".startswith(f"{module}.") for module in modules)


REPLACEMENTS: list[Replacement] = []
"""Every replacement whose module has been imported."""


def replaces(theirs: type) -> Callable[[OursT], OursT]:
    """Register a class, or a method of a ``@factory``, that makes ``theirs`` instead of the stack.

    pico-ioc 2.5.2 has no way to replace a component: of several candidates it takes the one with the longest name. It
    also keeps a class's registration in one mapping that its subclasses share, so a subclass needs a mapping of its
    own. ``check_replaced`` checks at start that each replacement has worked.
    """

    def register(ours: OursT) -> OursT:
        REPLACEMENTS.append(Replacement(theirs, ours))
        if inspect.isclass(ours):
            setattr(ours, PICO_META, {})
            component(name=theirs)(ours)
        else:
            provides(theirs, name=f"replacement of {theirs.__module__}.{theirs.__qualname__}", primary=True)(ours)
        return ours

    return register


def check_replaced(container: PicoContainer, modules: Collection[str], overridden: Collection[type] = ()) -> None:
    """Raise StartupError if ``container``, made of ``modules``, has another component in place of a replacement.

    Types that a test has ``overridden`` are skipped.
    """
    for replacement in REPLACEMENTS:
        if (
            replacement.belongs_to(modules)
            and replacement.theirs not in overridden
            and not replacement.is_in(container)
        ):
            raise StartupError(f"{replacement.theirs.__name__} is not replaced by {replacement.ours.__qualname__}")
