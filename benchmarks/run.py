"""python -m benchmarks.run: requests per second of the Products API and of its peer."""

import statistics
from dataclasses import dataclass

from benchmarks import agreement, load, postgres, services
from benchmarks.issuer import Issuer
from benchmarks.scenarios import SCENARIOS, Scenario
from benchmarks.servers import Server
from benchmarks.stage import arguments, prepare


@dataclass(frozen=True)
class Measured:
    per_second: float
    cpu_per_thousand: float


@dataclass(frozen=True)
class Bench:
    issuer: Issuer
    seconds: float
    rounds: int
    connections: int
    rows: int

    def compare(self, scenario: Scenario, ours: Server, theirs: Server) -> str:
        seen: dict[str, list[Measured]] = {ours.name: [], theirs.name: []}
        for server in (ours, theirs):
            self.round(scenario, server, min(self.seconds, 2))
        for _ in range(self.rounds):
            for server in (ours, theirs):
                seen[server.name].append(self.round(scenario, server, self.seconds))
        return line(scenario, median(seen[ours.name]), median(seen[theirs.name]))

    def round(self, scenario: Scenario, server: Server, seconds: float) -> Measured:
        headers = {"Authorization": f"Bearer {self.issuer.token()}"} if scenario.is_authorized else {}
        before = server.cpu_seconds()
        done = load.run(server.url + scenario.path, seconds, self.connections, headers, scenario.script, self.rows)
        if scenario.has_events:
            postgres.wait_until_delivered(server.environment["DATABASE__URL"])
        cpu = server.cpu_seconds() - before
        if done.broken or done.refused != (done.requests if scenario.is_refused else 0) or not done.requests:
            raise SystemExit(f"{scenario.name}, {server.name}: wrong answers: {done}\n{server.last_lines()}")
        return Measured(done.per_second, cpu * 1000 / done.requests)


def median(rounds: list[Measured]) -> Measured:
    return Measured(
        statistics.median(each.per_second for each in rounds),
        statistics.median(each.cpu_per_thousand for each in rounds),
    )


HEADING = f"{'':12}{'ours':>9}{'peer':>9}{'ratio':>8}{'target':>8}{'':8}{'ours':>9}{'peer':>9}"


def line(scenario: Scenario, ours: Measured, theirs: Measured) -> str:
    ratio = ours.per_second / theirs.per_second
    verdict = "ok" if ratio >= scenario.target else "missed"
    return (
        f"{scenario.name:12}{ours.per_second:9.0f}{theirs.per_second:9.0f}{ratio:8.2f}{scenario.target:8.2f}"
        f" {verdict:7}{ours.cpu_per_thousand:9.2f}{theirs.cpu_per_thousand:9.2f}"
    )


def main() -> None:
    parser = arguments("Compare the Products API with a plain FastAPI service that has the same contract.")
    parser.add_argument("--seconds", type=float, default=5, help="length of one round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each service and scenario")
    options = parser.parse_args()
    load.require_wrk()
    with prepare(options.database_url) as stage, stage.catalogue(options.rows) as settings:
        bench = Bench(stage.issuer, options.seconds, options.rounds, options.connections, options.rows)
        with services.products_api(settings, stage.folder) as ours, services.peer(settings, stage.folder) as theirs:
            agreement.check(ours, theirs, stage.issuer.token())
            print(f"{options.rows:,} products, {options.connections} connections, one worker each;", end=" ")
            print(f"medians of {options.rounds} interleaved rounds of {options.seconds:g} s. No wrong answers.\n")
            print(f"{'':12}{'requests/s':>18}{'':24}{'CPU s per 1000':>18}\n{HEADING}")
            for scenario in SCENARIOS:
                print(bench.compare(scenario, ours, theirs), flush=True)


if __name__ == "__main__":
    main()
