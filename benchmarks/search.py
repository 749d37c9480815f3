"""python -m benchmarks.search: what finding products among many costs, beside reading one by its id, on both databases."""

import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from benchmarks import catalogue, services
from benchmarks.servers import Server
from benchmarks.stage import Stage, arguments, stage

BY_ID = "/api/v1/products/{middle}"
LIMIT = 10.0
"""How many times as long as a read by id a selective search may take."""

SELECTIVE = {
    "search: a number that one name has": "/api/v1/products/search?q={middle}",
    "search: a whole name": "/api/v1/products/search?q={name}",
    "search: what no name has": "/api/v1/products/search?q=xylophone",
    "search: a number, one result": "/api/v1/products/search?q={middle}&limit=1",
    "page: search for a number": "/api/v1/products/paged?search={middle}",
    "page: search for a number, by price": "/api/v1/products/paged?search={middle}&sort=-price",
    "page: updated since a minute ago": "/api/v1/products/paged?updated_since={recent}",
}
OTHERS = {
    "search: a word of one name in twelve": f"/api/v1/products/search?q={catalogue.COMMON_WORD}",
    "search: two letters that no name has": "/api/v1/products/search?q=zq",
    "page: the first": "/api/v1/products/paged",
    "page: the first by name": "/api/v1/products/paged?sort=name",
    "page: the dearest": "/api/v1/products/paged?sort=-price,name",
    "page: a word of one name in twelve": f"/api/v1/products/paged?search={catalogue.COMMON_WORD}",
    "page: half of the prices": "/api/v1/products/paged?min_price=2500",
    "page: one price in fifty": "/api/v1/products/paged?min_price=4900",
    "page: one price in fifty, by name": "/api/v1/products/paged?min_price=4900&sort=name",
}


def median_ms(client: httpx.Client, path: str, times: int) -> float:
    taken = []
    for _ in range(times + 2):
        before = time.perf_counter()
        client.get(path).raise_for_status()
        taken.append((time.perf_counter() - before) * 1000)
    return statistics.median(taken[2:])


def measure(on: Stage, server: Server, rows: int, times: int) -> None:
    headers = {"Authorization": f"Bearer {on.issuer.token()}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=30, trust_env=False) as client:
        found = client.get(BY_ID.format(middle=rows // 2 + 1)).raise_for_status().json()
        words = {"middle": found["id"], "name": found["name"], "recent": catalogue.made_at(rows - 60).isoformat()}
        by_id = median_ms(client, BY_ID.format(**words), times * 5)
        print(f"{'read by id':42}{by_id:9.2f} ms")
        for what, path in SELECTIVE.items():
            taken = median_ms(client, httpx.URL(path.format(**words)).raw_path.decode(), times)
            print(f"{what:42}{taken:9.2f} ms{taken / by_id:8.1f} times  {'ok' if taken / by_id < LIMIT else 'missed'}")
        for what, path in OTHERS.items():
            taken = median_ms(client, path, max(times // 5, 3))
            print(f"{what:42}{taken:9.2f} ms{taken / by_id:8.1f} times", flush=True)


@contextmanager
def sqlite_catalogue(on: Stage, rows: int) -> Iterator[Mapping[str, str]]:
    settings = services.environment(f"sqlite+aiosqlite:///{on.folder / 'products.db'}", on.issuer.url)
    services.migrate(settings)
    catalogue.fill(settings["DATABASE__URL"], rows)
    yield settings


def main() -> None:
    parser = arguments("Searches and filtered pages beside a read by id.")
    parser.add_argument("--times", type=int, default=30, help="that each request is sent, of which the median counts")
    parser.set_defaults(rows=1_000_000)
    options = parser.parse_args()
    with stage(options.database_url) as on:
        for database, made in ("PostgreSQL", on.catalogue), ("SQLite", lambda rows: sqlite_catalogue(on, rows)):
            with made(options.rows) as settings, services.products_api(settings, on.folder) as server:
                print(f"\n{database}, {options.rows:,} products")
                measure(on, server, options.rows, options.times)


if __name__ == "__main__":
    main()
