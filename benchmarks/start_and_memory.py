"""python -m benchmarks.start_and_memory: start-up time and memory of the Products API."""

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from benchmarks import load, services
from benchmarks.catalogue import INACTIVE_EVERY
from benchmarks.scenarios import SCENARIOS
from benchmarks.servers import Server
from benchmarks.stage import Stage, arguments, prepare

MEGABYTE = 1_000_000
MARK = b'"created_at"'


def start_time(stage: Stage, settings: dict[str, str], starts: int = 5) -> float:
    """Return the median start-up time in seconds. An uncounted first start writes the bytecode, as pip does."""
    bytecode = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(stage.folder / "bytecode")}
    taken = []
    for _ in range(starts + 1):
        before = time.perf_counter()
        with services.products_api(settings | bytecode, stage.folder):
            taken.append(time.perf_counter() - before)
    return statistics.median(taken[1:])


def memory_after_load(stage: Stage, settings: dict[str, str], seconds: float, connections: int, rows: int) -> float:
    with services.products_api(settings, stage.folder) as server:
        for scenario in SCENARIOS:
            headers = {"Authorization": f"Bearer {stage.issuer.token()}"} if scenario.is_authorized else {}
            load.run(server.url + scenario.path, seconds, connections, headers, scenario.script, rows)
        return server.resident_bytes() / MEGABYTE


def growth_while_streaming(stage: Stage, settings: dict[str, str], rows: int) -> float:
    with services.products_api(settings, stage.folder) as server:
        headers = {"Authorization": f"Bearer {stage.issuer.token()}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=30, trust_env=False) as client:
            client.get("/api/v1/products/paged").raise_for_status()
            before = server.resident_bytes()
            with highest_memory(server) as samples:
                found = count_streamed(client)
    expected = rows - rows // INACTIVE_EVERY
    if found != expected:
        raise SystemExit(f"The list has {found:,} products instead of {expected:,}.")
    return (max(samples) - before) / MEGABYTE


def count_streamed(client: httpx.Client) -> int:
    found, tail = 0, b""
    with client.stream("GET", "/api/v1/products/") as response:
        response.raise_for_status()
        for chunk in response.iter_raw():
            seen = tail + chunk
            found += seen.count(MARK)
            tail = seen[-(len(MARK) - 1) :]
    return found


@contextmanager
def highest_memory(server: Server) -> Iterator[list[int]]:
    samples, stop = [server.resident_bytes()], threading.Event()

    def sample() -> None:
        while not stop.wait(0.05):
            samples.append(server.resident_bytes())

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        stop.set()
        thread.join()


def report(what: str, value: float, limit: float, unit: str) -> None:
    print(f"{what:45}{value:9.2f} {unit:3} limit {limit:g} {unit}  {'ok' if value < limit else 'missed'}", flush=True)


def main() -> None:
    parser = arguments("Start-up time and memory of the Products API.")
    parser.add_argument("--seconds", type=float, default=5, help="length of the load of each scenario")
    parser.add_argument("--streamed-rows", type=int, default=1_000_000)
    options = parser.parse_args()
    load.require_wrk()
    with prepare(options.database_url) as stage:
        with stage.catalogue(options.rows) as settings:
            report("start until /api/v1/health answers, median of 5", start_time(stage, settings), 1.5, "s")
            held = memory_after_load(stage, settings, options.seconds, options.connections, options.rows)
            report("memory after load", held, 120, "MB")
        with stage.catalogue(options.streamed_rows) as settings:
            growth = growth_while_streaming(stage, settings, options.streamed_rows)
            report(f"growth while {options.streamed_rows:,} rows are listed", growth, 50, "MB")


if __name__ == "__main__":
    main()
