"""python -m benchmarks.feed: the time from a write's answer until a client that waits for events has the event."""

import statistics
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import httpx

from benchmarks import services
from benchmarks.stage import Stage, arguments, prepare

EVENTS = "/api/v1/events"
PRODUCTS = "/api/v1/products/"


class Follower(threading.Thread):
    """Waits for events, and notes when it has each of them."""

    def __init__(self, client: httpx.Client) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._cursor = client.get(EVENTS, params={"after": "latest"}).raise_for_status().json()["next"]
        self.seen_at: dict[str, float] = {}
        self.ended = False

    def run(self) -> None:
        while not self.ended:
            query = {"after": self._cursor, "wait": "5"}
            page = self._client.get(EVENTS, params=query).raise_for_status().json()
            now = time.perf_counter()
            self.seen_at |= {event["aggregate_id"]: now for event in page["items"]}
            self._cursor = page["next"]


def lags(writer: httpx.Client, followers: list[Follower], times: int) -> list[float]:
    """Return the milliseconds after which each follower has each event. The pauses let the followers wait again."""
    written_at: dict[str, float] = {}
    for number in range(times):
        created = writer.post(PRODUCTS, json={"name": f"Lamp {number}", "price": 1}).raise_for_status()
        written_at[str(created.json()["id"])] = time.perf_counter()
        time.sleep(0.1)  # each event arrives before the next one is written
    deadline = time.monotonic() + 30
    while not all(written_at.keys() <= follower.seen_at.keys() for follower in followers):
        if time.monotonic() > deadline:
            raise SystemExit("An event did not arrive.")
        time.sleep(0.1)  # the followers are threads that note what they see
    return [
        max(follower.seen_at[id] - written, 0) * 1000 for follower in followers for id, written in written_at.items()
    ]


@contextmanager
def sqlite_settings(stage: Stage) -> Iterator[Mapping[str, str]]:
    settings = services.environment(f"sqlite+aiosqlite:///{stage.folder / 'products.db'}", stage.issuer.url)
    services.migrate(settings)
    yield settings


def measure(stage: Stage, settings: Mapping[str, str], times: int, clients: list[int]) -> None:
    headers = {"Authorization": f"Bearer {stage.issuer.token()}"}
    with ExitStack() as stack:
        servers = [stack.enter_context(services.products_api(settings, stage.folder)) for _ in range(2)]

        def connect(url: str) -> httpx.Client:
            return stack.enter_context(httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False))

        one, other = (connect(server.url) for server in servers)
        for count in clients:
            followers = [Follower(connect(servers[0].url)) for _ in range(count)]
            for follower in followers:
                follower.start()
            for place, writer in {"the same process": one, "another process": other}.items():
                found = sorted(lags(writer, followers, times))
                middle, late = statistics.median(found), found[int(len(found) * 0.95)]
                what = f"{count} waiting, written in {place}"
                print(f"{what:44} median {middle:7.1f} ms   95th percentile {late:7.1f} ms", flush=True)
            for follower in followers:
                follower.ended = True
            for follower in followers:
                follower.join()


def main() -> None:
    parser = arguments("Time the feed of events.", rows=0)
    parser.add_argument("--times", type=int, default=40, help="writes of each measurement")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 50], help="numbers of clients that wait")
    options = parser.parse_args()
    with prepare(options.database_url) as stage:
        for database, made in {"PostgreSQL": stage.catalogue(0), "SQLite": sqlite_settings(stage)}.items():
            with made as settings:
                print(f"\n{database}")
                measure(stage, settings, options.times, options.clients)


if __name__ == "__main__":
    main()
