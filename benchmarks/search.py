"""python -m benchmarks.search: the time to find products among a million, compared with reading one by its id."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote

import httpx

from benchmarks import catalogue, services
from benchmarks.stage import Stage, arguments, prepare

LIMIT = 10.0
"""The longest time of a selective search, as a multiple of a read by id."""

BY_ID = "{id}"
SELECTIVE = {
    "search: a word of one name": "search?q={id}",
    "search: a word of one name, limit 1": "search?q={id}&limit=1",
    "search: a whole name, of three words": "search?q={name}",
    "search: its words in another order": "search?q={words}",
    "search: three words, one of no name": f"search?q={catalogue.COMMON_WORD}+xylophone+oak",
    "search: a word of no name": "search?q=xylophone",
    "page: a word of one name": "paged?search={id}",
    "page: three words of one name": "paged?search={words}",
    "page: a word of one name, by price": "paged?search={id}&sort=-price",
    "page: updated in the last minute": "paged?updated_since={recent}",
}
OTHERS = {
    "search: a word of every twelfth name": f"search?q={catalogue.COMMON_WORD}",
    "search: three words of every 144th name": f"search?q={catalogue.COMMON_WORD}+oak+a",
    "search: two letters of no name": "search?q=zq",
    "page: the first": "paged",
    "page: the first by name": "paged?sort=name",
    "page: the dearest": "paged?sort=-price,name",
    "page: a word of every twelfth name": f"paged?search={catalogue.COMMON_WORD}",
    "page: half of the prices": "paged?min_price=2500",
    "page: one price in fifty": "paged?min_price=4900",
    "page: one price in fifty, in stock, by name": "paged?min_price=4900&in_stock=true&sort=name",
}
"""The time of these grows with the number of matches, or with the table, because pages have an exact total."""


def fastest_ms(client: httpx.Client, path: str, times: int) -> float:
    """Return the milliseconds of the fastest request: other load on the machine only slows requests down."""
    taken = []
    for _ in range(times):
        before = time.perf_counter()
        client.get(path).raise_for_status()
        taken.append((time.perf_counter() - before) * 1000)
    return min(taken)


def measure(client: httpx.Client, rows: int, times: int) -> None:
    product = client.get(BY_ID.format(id=rows // 2 + 1)).raise_for_status().json()
    words = {"id": product["id"], "name": quote(product["name"]), "recent": catalogue.created_at(rows - 60).isoformat()}
    words["words"] = quote(" ".join(reversed(product["name"].split())))
    words["recent"] = quote(words["recent"])
    by_id = fastest_ms(client, BY_ID.format(**words), times * 5)
    print(f"{'read by id':46}{by_id:9.2f} ms")
    for what, path in SELECTIVE.items():
        taken = fastest_ms(client, path.format(**words), times)
        print(f"{what:46}{taken:9.2f} ms{taken / by_id:7.1f} times  {'ok' if taken / by_id < LIMIT else 'missed'}")
    for what, path in OTHERS.items():
        print(f"{what:46}{fastest_ms(client, path, max(times // 5, 3)):9.2f} ms", flush=True)


@contextmanager
def sqlite_catalogue(stage: Stage, rows: int) -> Iterator[Mapping[str, str]]:
    settings = services.environment(f"sqlite+aiosqlite:///{stage.folder / 'products.db'}", stage.issuer.url)
    services.migrate(settings)
    catalogue.fill(settings["DATABASE__URL"], rows)
    yield settings


def products_on_both_databases(database_url: str | None, rows: int) -> Iterator[httpx.Client]:
    """Yield a client of the products of a running API, first on PostgreSQL, then on SQLite."""
    with prepare(database_url) as stage:
        for database, made in {
            "PostgreSQL": stage.catalogue(rows),
            "SQLite": sqlite_catalogue(stage, rows),
        }.items():
            with made as settings, services.products_api(settings, stage.folder) as server:
                print(f"\n{database}, {rows:,} products")
                headers = {"Authorization": f"Bearer {stage.issuer.token()}"}
                url = f"{server.url}/api/v1/products/"
                with httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as client:
                    yield client


def main() -> None:
    parser = arguments("Time searches and filtered pages, compared with a read by id, one request at a time.")
    parser.add_argument("--times", type=int, default=30, help="repetitions of each request")
    parser.set_defaults(rows=1_000_000)
    options = parser.parse_args()
    for client in products_on_both_databases(options.database_url, options.rows):
        measure(client, options.rows, options.times)


if __name__ == "__main__":
    main()
