"""The server processes of the commands: addresses, idle connections, workers, SIGHUP."""

import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from myapp.platform.errors import StartupError
from myapp.platform.web.server import address_of, bind

from ...authserver.conftest import CHEAP
from ...databases import Databases, free_port
from ...processes import Process

Start = Callable[..., "Server"]


def has_ipv6() -> bool:
    with suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")


def command_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # also a process that has ended and was not waited for yet
        return ""


class TestAddresses:
    def listened(self, host: str) -> set[str]:
        sockets = bind(host, free_port())
        try:
            return {address_of(listener).rpartition(":")[0] for listener in sockets}
        finally:
            for listener in sockets:
                listener.close()

    def test_one_address(self) -> None:
        assert self.listened("127.0.0.1") == {"http://127.0.0.1"}
        assert self.listened("0.0.0.0") == {"http://0.0.0.0"}

    @needs_ipv6
    def test_ipv6(self) -> None:
        assert self.listened("::1") == self.listened("[::1]") == {"http://[::1]"}

    @needs_ipv6
    def test_every_address_of_both_families(self) -> None:
        assert self.listened("::") == {"http://[::]", "http://0.0.0.0"}

    def test_a_name(self) -> None:
        assert "http://127.0.0.1" in self.listened("localhost")

    @pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "999.1.1.1", "x" * 300, "a..b", "http://x"])
    def test_another_address_is_refused_in_one_line(self, host: str) -> None:
        with pytest.raises(StartupError, match="cannot listen on ") as raised:
            bind(host, free_port())
        assert "\n" not in str(raised.value)

    def test_a_port_that_is_taken_is_refused_in_one_line(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            with pytest.raises(StartupError, match="Address already in use"):
                bind("127.0.0.1", taken.getsockname()[1])


class Server(Process):
    """``products-api serve`` or ``authserver serve``."""

    def __init__(self, environment: dict[str, str], output: Path, module: str, health: str, *options: str) -> None:
        self.port, self.health = free_port(), health
        command = [sys.executable, "-m", module, "serve", "--port", str(self.port), *options]
        super().__init__(command, environment, output)

    def wait_until(self, condition: Callable[[], bool], seconds: float = 180) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.running, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)

    def answers(self, host: str = "127.0.0.1") -> bool:
        try:
            return httpx.get(f"http://{host}:{self.port}{self.health}", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def idle(self, limit: float) -> float:
        """Return how long the server keeps an idle connection after an answer, at most ``limit`` seconds."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(f"GET {self.health} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            began = time.monotonic()
            connection.settimeout(limit)
            with suppress(TimeoutError):
                while connection.recv(65536):
                    pass
            return time.monotonic() - began

    @property
    def workers(self) -> set[int]:
        children = psutil.Process(self.pid).children()
        return {child.pid for child in children if "spawn_main" in command_of(child)}

    def wait_for_workers(self, count: int) -> set[int]:
        self.wait_until(lambda: self.output.count("Application startup complete") == count)
        return self.workers


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    started: list[Server] = []
    yield started
    for server in started:
        if server.running:
            server.terminate()
            server.wait(60)


@pytest.fixture
def start_api(databases: Databases, tmp_path: Path, servers: list[Server]) -> Start:
    def start_one(*options: str, **environment: str) -> Server:
        settings = {"DATABASE__URL": databases.migrated("sqlite"), **environment}
        servers.append(Server(settings, tmp_path / "api.log", "myapp.cli", "/api/v1/health", *options))
        servers[-1].wait_until(servers[-1].answers)
        return servers[-1]

    return start_one


@pytest.fixture
def start_auth_server(databases: Databases, tmp_path: Path, servers: list[Server]) -> Start:
    def start_one(*options: str, **environment: str) -> Server:
        places = {"DATABASE__URL": databases.empty("sqlite"), "KEYS__DIRECTORY": str(tmp_path / "keys")}
        settings = {f"AUTHSERVER__{name}": value for name, value in (places | environment).items()} | CHEAP
        servers.append(Server(settings, tmp_path / "auth.log", "authserver.cli", "/health", *options))
        servers[-1].wait_until(servers[-1].answers)
        return servers[-1]

    return start_one


@pytest.fixture
def nohup() -> Iterator[None]:
    """Start processes as ``nohup`` does: they inherit that SIGHUP is ignored."""
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGHUP, previous)


@pytest.mark.slow
class TestProcess:
    def test_of_the_api_closes_idle_connections_and_stops_on_hangup(self, start_api: Start) -> None:
        self.close_idle_connections_and_stop(start_api("--keep-alive", "1"))

    def test_of_the_auth_server_too(self, start_auth_server: Start) -> None:
        self.close_idle_connections_and_stop(start_auth_server(WEB__KEEP_ALIVE="1"))

    def close_idle_connections_and_stop(self, server: Server) -> None:
        assert 0.9 < server.idle(30) < 4.8  # uvicorn's own default is 5
        server.send(signal.SIGHUP)
        assert server.wait(60) == -signal.SIGTERM
        assert "Application shutdown complete" in server.output
        server.assert_all_lines_have_utc()

    @needs_ipv6
    def test_under_nohup_ignores_hangup(self, nohup: None, start_api: Start, start_auth_server: Start) -> None:
        for server in (start_api("--host", "::"), start_auth_server("--host", "::")):
            server.send(signal.SIGHUP)
            assert server.idle(7) > 6.9  # by default longer than usual load balancers wait
            assert server.answers("127.0.0.1")
            assert server.answers("[::1]")


@pytest.mark.slow
class TestWorkers:
    def test_all_start_and_are_replaced_one_by_one_on_hangup(self, start_api: Start) -> None:
        server = start_api("--workers", "3")
        first = server.wait_for_workers(3)
        assert len(first) == 3
        assert server.output.count("listening on http://127.0.0.1") == 1
        for pid in first:
            psutil.Process(pid).send_signal(signal.SIGHUP)  # a terminal sends it to every process
        time.sleep(1)
        assert server.workers == first
        server.send(signal.SIGHUP)
        server.wait_for_workers(6)
        server.wait_until(lambda: len(server.workers) == 3 and not server.workers & first)
        assert server.answers()
        server.terminate()
        assert server.wait(60) == 0
        assert "died" not in server.output
        server.assert_all_lines_have_utc()

    def test_under_nohup_stay_on_hangup(self, nohup: None, start_api: Start) -> None:
        server = start_api("--workers", "2", "--worker-timeout", "90")
        first = server.wait_for_workers(2)
        server.send(signal.SIGHUP)
        time.sleep(2)
        assert server.workers == first
        assert server.answers()
