"""python -m benchmarks.run: requests per second of the Products API, compared with what a user would write instead."""

import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks import agreement, load, postgres, services
from benchmarks.issuer import Issuer
from benchmarks.scenarios import SCENARIOS, Scenario, Target
from benchmarks.servers import Server
from benchmarks.stage import Stage, arguments, prepare


@dataclass
class Measured:
    """The rounds of one service in one scenario."""

    per_second: list[float] = field(default_factory=list)
    cpu_per_request: list[float] = field(default_factory=list)
    """In microseconds."""

    def rate(self) -> float:
        return statistics.median(self.per_second)

    def cpu(self) -> float:
        return statistics.median(self.cpu_per_request)

    def spread(self) -> str:
        return f"{min(self.per_second):.0f}-{max(self.per_second):.0f}"


@dataclass(frozen=True)
class Bench:
    issuer: Issuer
    seconds: float
    rounds: int
    connections: int
    rows: int

    def compare(self, scenario: Scenario, servers: Sequence[Server]) -> list[str]:
        """Return the table's lines of ``scenario``: the API first."""
        taking_part = [server for server in servers if server.name == services.OURS or server.name in scenario.targets]
        seen = {server.name: Measured() for server in taking_part}
        for server in taking_part:
            self.round(scenario, server, min(self.seconds, 2), Measured())
        for _ in range(self.rounds):
            for server in taking_part:
                self.round(scenario, server, self.seconds, seen[server.name])
        ours = seen.pop(services.OURS)
        others = [line("", name, other, ours, scenario.targets[name]) for name, other in seen.items()]
        return [line(scenario.name, services.OURS, ours), *others]

    def round(self, scenario: Scenario, server: Server, seconds: float, seen: Measured) -> None:
        headers = {"Authorization": f"Bearer {self.issuer.token()}"} if scenario.is_authorized else {}
        before = server.cpu_seconds()
        done = load.run(server.url + scenario.path, seconds, self.connections, headers, scenario.script, self.rows)
        if scenario.has_events:
            postgres.wait_until_delivered(server.environment["DATABASE__URL"])
        cpu = server.cpu_seconds() - before
        if done.broken or done.refused != (done.requests if scenario.is_refused else 0) or not done.requests:
            raise SystemExit(f"{scenario.name}, {server.name}: wrong answers: {done}\n{server.last_lines()}")
        seen.per_second.append(done.per_second)
        seen.cpu_per_request.append(cpu * 1_000_000 / done.requests)


HEADING = (
    f"{'':12}{'':6}{'requests/s':>12}{'spread':>14}{'ours is':>9}{'target':>8}{'CPU µs':>10}{'ours is':>9}{'target':>8}"
)


def line(scenario: str, name: str, seen: Measured, ours: Measured | None = None, target: Target | None = None) -> str:
    rate, cpu = f"{seen.rate():12.0f}{seen.spread():>14}", f"{seen.cpu():10.0f}"
    if ours is None or target is None:
        return f"{scenario:12}{name:6}{rate}{'':17}{cpu}"
    faster, dearer = ours.rate() / seen.rate(), ours.cpu() / seen.cpu()
    is_met = faster >= target.per_second and dearer <= target.cpu
    wanted = f"{target.per_second:8.2f}" if target.per_second else f"{'':8}"
    wanted_cpu = f"{target.cpu:8.2f}" if target.cpu < float("inf") else f"{'':8}"
    verdict = "" if is_met else "  missed"
    return f"{scenario:12}{name:6}{rate}{faster:9.2f}{wanted}{cpu}{dearer:9.2f}{wanted_cpu}{verdict}"


def measure(stage: Stage, rows: int, seconds: float, rounds: int, connections: int) -> None:
    bench = Bench(stage.issuer, seconds, rounds, connections, rows)
    with stage.catalogue(rows) as settings, ExitStack() as running:
        servers = [running.enter_context(make(settings, stage.folder)) for make in services.ALL]
        agreement.check(servers, stage.issuer.token())
        print(f"\n{rows:,} products, {connections} connections, one worker each;", end=" ")
        print(f"medians of {rounds} interleaved rounds of {seconds:g} s. No wrong answers.\n\n{HEADING}")
        for scenario in SCENARIOS:
            print(*bench.compare(scenario, servers), sep="\n", flush=True)


def main() -> None:
    parser = arguments("Compare the Products API with plain FastAPI services.", rows=[100_000, 1_000_000])
    parser.add_argument("--seconds", type=float, default=5, help="length of one round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each service and scenario")
    options = parser.parse_args()
    load.require_wrk()
    with prepare(options.database_url) as stage:
        for rows in options.rows:
            measure(stage, rows, options.seconds, options.rounds, options.connections)


if __name__ == "__main__":
    main()
