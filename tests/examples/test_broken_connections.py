"""``examples/client.py`` against real processes, behind a proxy that breaks every second connection or more."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, repeat

import httpx
import pytest

from examples import client as module
from examples.client import ProductsClient
from myapp.boot import ROOT

from ..end_to_end.system import PASSWORD, System
from .breaking import BreakingProxy

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_coverage")]

THREADS = 4


@pytest.fixture
def proxy(system: System) -> Iterator[BreakingProxy]:
    with BreakingProxy(system.api) as running:
        yield running
        assert running.broken > 10


@pytest.fixture
def answers() -> list[httpx.Response]:
    """All answers that reached the client."""
    return []


@pytest.fixture
def client(
    system: System, proxy: BreakingProxy, answers: list[httpx.Response], monkeypatch: pytest.MonkeyPatch
) -> Iterator[ProductsClient]:
    """A client of a manager. Its first token is not valid, and its pauses are short."""
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.001)
    tokens = chain(["expired"], map(system.login, repeat("manager")))
    hooks = {"response": [answers.append]}
    with ProductsClient(proxy.url, lambda: next(tokens), attempts=60, trust_env=False, event_hooks=hooks) as connected:
        yield connected


def test_each_create_makes_one_product(client: ProductsClient, answers: list[httpx.Response]) -> None:
    names = [f"Cable {number}" for number in range(60)]
    with ThreadPoolExecutor(THREADS) as threads:
        made = list(threads.map(lambda name: client.create_product({"name": name, "price": 9.5}), names))
    assert [product["name"] for product in made] == names
    found = list(client.products(search="cable", limit=7))
    assert found == sorted(made, key=lambda product: product["id"])
    assert any("Idempotent-Replayed" in answer.headers for answer in answers)


def test_pages_have_every_product_once(client: ProductsClient) -> None:
    items = [{"op": "create", "product": {"name": f"Mug {number}", "price": 1 + number % 9}} for number in range(60)]
    client.send("POST", "products/bulk", json={"items": items})
    expected = sorted(f"Mug {number}" for number in range(60))
    for sort in ("id", "-price"):
        by_cursor = list(client.products(search="mug", sort=sort, limit=7))
        by_link = list(client.items("products/paged", search="mug", sort=sort, page_size=7))
        assert sorted(product["name"] for product in by_cursor) == expected
        assert by_link == by_cursor


def test_no_update_is_lost_or_made_twice(client: ProductsClient) -> None:
    path = f"products/{client.create_product({'name': 'Counter', 'price': 1})['id']}"

    def count(_: int) -> None:
        client.update(path, lambda product: {"stock": product["stock"] + 1})

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(count, range(40)))
    product = client.get(path)
    assert (product["stock"], product["version"]) == (40, 41)


def test_the_program_runs(system: System) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "client.py", system.api, system.issuer, "manager"],
        env=os.environ | {"PASSWORD": PASSWORD, "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "has stock 2 in version 2\nproducts with a desk in their name: 1\n" in done.stdout
