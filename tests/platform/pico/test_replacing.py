"""Our components replace those of the stack, or the start fails."""

from collections.abc import Iterator

import pytest
from pico_ioc import PicoContainer, component, factory, init, provides

from myapp.platform.errors import StartupError
from myapp.platform.pico.replacing import REPLACEMENTS, Replacement, check_replaced, replaces


class Theirs: ...


@component
class TheirComponent: ...


class Product: ...


@factory
class TheirFactory:
    @provides(Product)
    def create_a_product_with_a_name_that_is_longer_than_others(self) -> Product:
        return Product()


@pytest.fixture
def registered() -> Iterator[None]:
    """Remove the replacements of this test at its end."""
    before = list(REPLACEMENTS)
    yield
    REPLACEMENTS[:] = before


@pytest.fixture
def container() -> Iterator[PicoContainer]:
    made = init(modules=[__name__])
    yield made
    made.shutdown()


def test_a_class_and_a_product_are_replaced(registered: None, monkeypatch: pytest.MonkeyPatch) -> None:
    @replaces(TheirComponent)
    class Ours(TheirComponent): ...

    class OurProduct(Product): ...

    @factory
    class OurFactory:
        @replaces(Product)
        def create(self) -> Product:
            return OurProduct()

    monkeypatch.setitem(globals(), "Ours", Ours)
    monkeypatch.setitem(globals(), "OurFactory", OurFactory)
    container = init(modules=[__name__])
    try:
        assert type(container.get(TheirComponent)) is Ours
        assert type(container.get(Product)) is OurProduct
        check_replaced(container, [__name__])
    finally:
        container.shutdown()


class TestCheck:
    def test_names_a_replacement_that_pico_ioc_did_not_take(self, container: PicoContainer, registered: None) -> None:
        class Ignored(TheirComponent): ...

        REPLACEMENTS.append(Replacement(TheirComponent, Ignored))
        with pytest.raises(StartupError, match=r"TheirComponent is not replaced by .*Ignored"):
            check_replaced(container, [__name__])
        check_replaced(container, [__name__], [TheirComponent])
        check_replaced(container, ["myapp.products"])

    def test_names_a_replacement_of_a_type_that_is_not_in_the_container(
        self, container: PicoContainer, registered: None
    ) -> None:
        replaces(Theirs)(type("Unseen", (Theirs,), {"__module__": __name__}))
        with pytest.raises(StartupError, match="Theirs is not replaced by Unseen"):
            check_replaced(container, [__name__])
