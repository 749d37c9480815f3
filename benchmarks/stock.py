"""python -m benchmarks.stock: adjustments of stocks per second, of one product and of many, beside plain updates."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from benchmarks import load, services
from benchmarks.search import sqlite_catalogue
from benchmarks.servers import Server
from benchmarks.stage import Stage, arguments, prepare

WARM_UP = 1.0
SCRIPTS = {"adjustments": "adjust.lua", "updates (PUT)": "update.lua"}


def speed(
    servers: Sequence[Server], script: str, rows: int, seconds: float, connections: int, headers: Mapping[str, str]
) -> tuple[float, float]:
    """Return the requests per second of all servers together, and their milliseconds of CPU for each request.

    Each server has its share of the connections.
    """
    share = connections // len(servers)
    before = sum(each.cpu_seconds() for each in servers)
    with ThreadPoolExecutor(len(servers)) as pool:
        running = [pool.submit(load.run, each.url, seconds, share, headers, script, rows) for each in servers]
        rounds = [each.result() for each in running]
    if any(each.refused or each.broken for each in rounds):
        raise SystemExit(f"{script}: some requests were refused or not answered: {rounds}")
    spent = sum(each.cpu_seconds() for each in servers) - before
    return sum(each.per_second for each in rounds), 1000 * spent / sum(each.requests for each in rounds)


def measure(
    stage: Stage, settings: Mapping[str, str], rows: int, seconds: float, connections: int, processes: Sequence[int]
) -> None:
    headers = {"Authorization": f"Bearer {stage.issuer.token()}"}
    for count in processes:
        with ExitStack() as stack:
            servers = [stack.enter_context(services.products_api(settings, stage.folder)) for _ in range(count)]
            for products in (1, rows):
                for what, script in SCRIPTS.items():
                    speed(servers, script, products, WARM_UP, connections, headers)
                    found, cpu = speed(servers, script, products, seconds, connections, headers)
                    shown = f"{found:8.0f}/s   CPU {cpu:6.2f} ms"
                    print(f"{what:14} products {products:6,}   processes {count}   {shown}", flush=True)


def main() -> None:
    parser = arguments("Measure adjustments of stocks, of one product and of many.", rows=1000)
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each measurement")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2], help="numbers of server processes")
    options = parser.parse_args()
    load.require_wrk()
    with prepare(options.database_url) as stage:
        made = {"PostgreSQL": stage.catalogue(options.rows), "SQLite": sqlite_catalogue(stage, options.rows)}
        for database, catalogue in made.items():
            with catalogue as settings:
                print(f"\n{database}")
                measure(stage, settings, options.rows, options.seconds, options.connections, options.processes)


if __name__ == "__main__":
    main()
