"""python -m benchmarks.scroll: the time to read on in a list of a million products, at its end and at its start."""

import time
from collections.abc import Sequence
from urllib.parse import urlencode

import httpx

from benchmarks.search import products_on_both_databases
from benchmarks.stage import arguments

LIMIT = 2.0
"""The longest time at the end of the list, as a multiple of the time at its start, where no place must be found."""

SORTS = ["id", "name", "-price", "-updated_at", "stock"]
SIZE = 50
STEP = 200


def cursor_at_end(client: httpx.Client, sort: str) -> tuple[str, int]:
    """Walk along the list. Return the cursor of its last full slice, and the number of products before it."""
    cursors: list[str] = []
    query = {"sort": sort, "limit": STEP}
    while cursor := client.get("scroll", params=query).raise_for_status().json()["next"]:
        cursors.append(cursor)
        query["cursor"] = cursor
    return cursors[-2], STEP * (len(cursors) - 1)


def fastest_ms(client: httpx.Client, paths: Sequence[str], times: int) -> list[float]:
    """Return the milliseconds of the fastest request for each path. An answer that came too late is infinite.

    The requests alternate: other load on the machine slows all of them.
    """
    taken: dict[str, list[float]] = {path: [] for path in paths}
    for path in [*paths] * times:
        before = time.perf_counter()
        is_answered = client.get(path).status_code == 200
        taken[path].append((time.perf_counter() - before) * 1000 if is_answered else float("inf"))
    return [min(taken[path]) for path in paths]


def measure(client: httpx.Client, times: int) -> None:
    columns = f"{'start':>11}{'there':>11}{'ratio':>7}{'page there':>13}{'without total':>15}"
    print(f"{'sort':12}{'products before':>16}{columns}")
    for sort in SORTS:
        cursor, depth = cursor_at_end(client, sort)
        first = {"sort": sort, "limit": SIZE}
        slices = [f"scroll?{urlencode(query)}" for query in (first, first | {"cursor": cursor})]
        page = {"sort": sort, "page_size": SIZE, "page": depth // SIZE + 1}
        pages = [f"paged?{urlencode(page | {'total': total})}" for total in ("true", "false")]
        start, there = fastest_ms(client, slices, times)
        counted, uncounted = fastest_ms(client, pages, max(times // 20, 2))
        figures = f"{start:8.2f} ms{there:8.2f} ms{there / start:7.2f}{counted:10.1f} ms{uncounted:12.1f} ms"
        print(f"{sort:12}{depth:16,}{figures}  {'ok' if there / start < LIMIT else 'missed'}", flush=True)


def main() -> None:
    parser = arguments("Time slices of the list at its start and at its end, one request at a time.")
    parser.add_argument("--times", type=int, default=60, help="repetitions of each request")
    parser.set_defaults(rows=1_000_000)
    options = parser.parse_args()
    for client in products_on_both_databases(options.database_url, options.rows):
        measure(client, options.times)


if __name__ == "__main__":
    main()
