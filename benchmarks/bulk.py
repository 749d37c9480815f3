"""python -m benchmarks.bulk: products per second in batches, compared with single requests of many connections."""

import itertools
import statistics
import time
from argparse import Namespace
from collections.abc import Iterable, Iterator
from typing import Any

import httpx

from benchmarks import load, services
from benchmarks.search import sqlite_catalogue
from benchmarks.stage import arguments, prepare

BATCH = 1000
TARGET = 10.0
"""The smallest ratio of products per second."""

SINGLE = {"create": ("", "create.lua"), "update": ("1", "update.lua")}
"""The path and the wrk script of the single requests."""


def creations(numbers: Iterator[int], _rows: int) -> list[dict[str, Any]]:
    named = ((f"Lamp {number}", number) for number in itertools.islice(numbers, BATCH))
    return [
        {"op": "create", "product": {"name": name, "price": 9.5, "stock": 20, "sku": f"bulk-{number}"}}
        for name, number in named
    ]


def updates(numbers: Iterator[int], rows: int) -> list[dict[str, Any]]:
    return [
        {"op": "update", "id": number * 7 % rows + 1, "changes": {"stock": 10 + number % 1000}}
        for number in itertools.islice(numbers, BATCH)
    ]


def batches_per_second(client: httpx.Client, batches: Iterable[list[dict[str, Any]]]) -> float:
    """Return the median of the products per second, of one connection that sends one batch after the other."""
    rates = []
    for items in batches:
        before = time.perf_counter()
        client.post("bulk", json={"items": items}).raise_for_status()
        rates.append(len(items) / (time.perf_counter() - before))
    return statistics.median(rates)


def measure(client: httpx.Client, options: Namespace) -> None:
    numbers = itertools.count(1)
    for kind, items in {"create": creations, "update": updates}.items():
        path, script = SINGLE[kind]
        url, headers = f"{client.base_url}{path}", {"Authorization": client.headers["Authorization"]}
        single = load.run(url, options.seconds, options.connections, headers, script, options.rows).per_second
        batch = batches_per_second(client, [items(numbers, options.rows) for _ in range(options.rounds)])
        verdict = "ok" if batch / single >= TARGET else "missed"
        print(f"{kind:10}{single:10,.0f}{batch:10,.0f}{batch / single:8.1f}  {verdict}", flush=True)


def main() -> None:
    parser = arguments("Compare batches of 1,000 products with single requests of many connections.")
    parser.add_argument("--seconds", type=float, default=10.0, help="duration of the single requests")
    parser.add_argument("--rounds", type=int, default=10, help="number of batches")
    options = parser.parse_args()
    load.require_wrk()
    with prepare(options.database_url) as stage:
        for database, made in {
            "PostgreSQL": stage.catalogue(options.rows),
            "SQLite": sqlite_catalogue(stage, options.rows),
        }.items():
            with (
                made as settings,
                services.products_api({**settings, "EVENTS__RELAY": "false"}, stage.folder) as server,
            ):
                print(f"\n{database}, {options.rows:,} products\n{'':10}{'single':>10}{'batch':>10}{'ratio':>8}")
                headers = {"Authorization": f"Bearer {stage.issuer.token()}"}
                url = f"{server.url}/api/v1/products/"
                with httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
                    measure(client, options)


if __name__ == "__main__":
    main()
