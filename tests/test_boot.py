"""Start and stop of real processes, as an operator sees them."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import make_url

from myapp.boot import ROOT
from myapp.platform.errors import StartupError
from myapp.platform.startup import startup_error

from .conftest import build
from .databases import BUSY_MACHINE, Databases, free_port, in_thread
from .issuer import Issuer
from .processes import Process, Server, clean_environment
from .proxy import Proxy

UVICORN = (sys.executable, "-m", "uvicorn", "main:app", "--host", "127.0.0.1")

CONFIGURATIONS = Path(__file__).with_name("configurations")

REFUSED = {
    "no issuer": ({"PRODUCTS_API_CONFIG": str(CONFIGURATIONS / "no_issuer.yaml")}, "auth_client.issuer"),
    "no audience": ({"PRODUCTS_API_CONFIG": str(CONFIGURATIONS / "no_audience.yaml")}, "auth_client.audience"),
    "an unknown key": ({"WEB__LOG_LEVLE": "INFO"}, "web.log_levle"),
    "a wrong type": ({"DATABASE__POOL_SIZE": "many"}, "database.pool_size"),
    "another database": ({"DATABASE__URL": "mysql+aiomysql://user:s3cr3t@host/name"}, "database.url"),
}

WORKERS, DOWN = "workers", "down"

ALSO_REFUSED = {
    "plain http to another host": ({"AUTH_CLIENT__ISSUER": "http://auth.example"}, "auth_client.issuer"),
    "an algorithm with a shared secret": (
        {"AUTH_CLIENT__ACCEPTED_ALGORITHMS": '["HS256"]'},
        "auth_client.accepted_algo",
    ),
    "a permission without a colon": ({"AUTH__PERMISSIONS": '{"admin": ["delete"]}'}, "auth.permissions.admin"),
    "no such configuration": ({"PRODUCTS_API_CONFIG": "/no/such/application.yaml"}, "application.yaml"),
    "another kind of broker": ({"CELERY__BROKER_URL": "redis://:s3cr3t@127.0.0.1"}, "celery.broker_url"),
    "no URL": ({"DATABASE__URL": "products.db"}, "database.url"),
    "a database in memory": ({"DATABASE__URL": "sqlite+aiosqlite:///:memory:"}, "database.url"),
    "a folder as the database": ({"DATABASE__URL": f"sqlite+aiosqlite:///{Path(__file__).parent}"}, "database.url"),
    "hosts without sense": ({"DATABASE__URL": "postgresql://user:s3cr3t@/a?host=a:1,,b:2"}, "database.url"),
    "another encoding": ({"DATABASE__URL": "postgresql://user:s3cr3t@h/a?client_encoding=latin1"}, "client_encoding"),
    "an unknown option": ({"DATABASE__URL": "postgresql+asyncpg://user:s3cr3t@127.0.0.1/a?sslmode=no"}, "database.url"),
    "an impossible port": ({"DATABASE__URL": "postgresql+asyncpg://user:s3cr3t@127.0.0.1:99999/a"}, "database.url"),
    "no such folder": ({"DATABASE__URL": "sqlite+aiosqlite:////no/such/folder/products.db"}, "database.url"),
    "no database file": ({"DATABASE__URL": f"sqlite+aiosqlite:///{__file__}"}, "database.url"),
    "an unlimited pool": ({"DATABASE__POOL_SIZE": "0"}, "database.pool_size"),
    "no migrations": ({"DATABASE__MIGRATIONS_PATH": "/no/such/folder"}, "database.migrations_path"),
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Process]]:
    """Start all processes at once: together they take as long as two of them."""
    folder = tmp_path_factory.mktemp("refusals")
    processes = {
        name: Process([*UVICORN, "--port", "0"], environment, folder / name.replace(" ", "-"))
        for name, (environment, _) in REFUSED.items()
    }
    workers = [*UVICORN, "--port", str(free_port()), "--workers", "2", "--timeout-worker-healthcheck", "30"]
    processes[WORKERS] = Process(workers, REFUSED["no issuer"][0], folder / WORKERS)
    down = {"DATABASE__URL": f"postgresql+asyncpg://a@127.0.0.1:{free_port()}/b", "ENGINE__STARTUP_TIMEOUT": "2"}
    processes[DOWN] = Process([*UVICORN, "--port", "0"], down, folder / DOWN)
    yield processes
    for process in processes.values():
        if process.running:
            process.kill()


def only_line(process: Process) -> str:
    lines = [line for line in process.output.splitlines() if line.strip()]
    assert len(lines) == 1, process.output
    assert lines[0].startswith("products-api: ")
    return lines[0]


class TestRefusedStart:
    @pytest.mark.slow
    @pytest.mark.parametrize("name", REFUSED)
    def test_one_line_names_the_setting(self, refusals: dict[str, Process], name: str) -> None:
        process = refusals[name]
        assert process.wait() not in (0, 1)
        line = only_line(process)
        assert REFUSED[name][1] in line
        assert "s3cr3t" not in line

    @pytest.mark.parametrize("name", REFUSED | ALSO_REFUSED)
    def test_before_the_start_waits_for_anything(self, name: str, tmp_path: Path) -> None:
        environment, setting = (REFUSED | ALSO_REFUSED)[name]
        url = f"sqlite+aiosqlite:///{tmp_path}/products.db"
        started = time.monotonic()
        with pytest.raises(StartupError) as raised:
            in_thread(lambda: build({"DATABASE__URL": url, "ENGINE__STARTUP_TIMEOUT": "60", **environment}))
        assert time.monotonic() - started < 45  # the first start in a process loads all modules
        assert setting in str(raised.value)
        assert "s3cr3t" not in str(raised.value)
        assert "\n" not in str(raised.value)

    @pytest.mark.slow
    def test_workers_are_not_restarted(self, refusals: dict[str, Process]) -> None:
        process = refusals[WORKERS]
        process.wait()
        assert 1 <= process.output.count("auth_client.issuer") <= 2
        assert "Traceback" not in process.output

    @pytest.mark.slow
    def test_the_start_waits_for_a_database_that_is_down(self, refusals: dict[str, Process]) -> None:
        process = refusals[DOWN]
        assert process.wait() not in (0, 1)
        assert "database.url (DATABASE__URL): no connection within 2 s" in only_line(process)


class TestContainer:
    def test_an_unexpected_error_keeps_its_traceback(self) -> None:
        error = RuntimeError("an unexpected failure")
        assert startup_error(error) is error
        error.__cause__ = StartupError("an expected failure")
        assert str(startup_error(error)) == "an expected failure"


@pytest.mark.slow
class TestDatabaseIsDown:
    def test_it_starts_when_the_database_does(self, tmp_path: Path, databases: Databases) -> None:
        target = make_url(databases.migrated("postgresql"))
        port = free_port()
        url = target.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
        server = Server({"DATABASE__URL": url}, tmp_path / "log")
        try:
            time.sleep(2)  # it has tried to connect by now
            assert server.running, server.output
            with Proxy(target, port=port):
                server.wait_until_it_serves()
                server.terminate()
                server.wait()
        finally:
            if server.running:
                server.kill()


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """A folder with its own configuration, whose database path is relative."""
    yaml = (ROOT / "application.yaml").read_text(encoding="utf-8")
    yaml = yaml.replace("migrations_path: migrations", f"migrations_path: {ROOT / 'migrations'}")
    (tmp_path / "application.yaml").write_text(yaml, encoding="utf-8")
    return tmp_path


@pytest.mark.slow
class TestServing:
    def test_from_another_folder_it_uses_the_same_file_and_ends_cleanly(
        self, catalogue: Path, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        """``--app-dir`` works in any working directory. SQLite removes its log when the last connection is closed."""
        environment = {"PRODUCTS_API_CONFIG": str(catalogue / "application.yaml"), "AUTH_CLIENT__ISSUER": issuer.url}
        headers = {"Authorization": f"Bearer {issuer.token('product-manager')}"}
        file = catalogue / "data/products.db"
        for number, cwd in enumerate((ROOT, tmp_path_factory.mktemp("elsewhere")), start=1):
            server = Server(environment, catalogue / f"log-{number}", "--app-dir", str(ROOT), cwd=cwd)
            try:
                products = f"{server.wait_until_it_serves().url}/api/v1/products/"
                created = httpx.post(products, json={"name": "Lamp", "price": 9.5}, headers=headers, trust_env=False)
                assert created.status_code == 201, created.text
                assert created.json()["id"] == number
                assert len(httpx.get(products, headers=headers, trust_env=False).json()) == number
                assert file.with_name("products.db-wal").exists()
                server.terminate()
                assert server.wait() in (0, -signal.SIGTERM), server.output
            finally:
                if server.running:
                    server.kill()
            assert not file.with_name("products.db-wal").exists()
            assert "Traceback" not in server.output
            assert "never awaited" not in server.output
        assert not (ROOT / "log-1").exists()


SCRIPT = """
import asyncio, json
from myapp.boot import create_container
from myapp.platform.errors import NotFoundError
from myapp.products.services import ProductService
from pico_pydantic import ValidationFailedError

async def main():
    service, results = container.get(ProductService), []
    for work in (
        lambda: service.create({"name": "Lamp", "price": 9.5}),
        lambda: service.create({"name": "x", "price": -1}),
        lambda: service.get_by_id(99),
        lambda: service.update(1, {"stock": 7}),
        lambda: service.update(1, {"stock": -7}),
        lambda: service.deactivate(99),
        lambda: service.create({"name": "Chair", "price": 20}),
    ):
        try:
            results.append((await work()).name)
        except (NotFoundError, ValidationFailedError) as error:
            results.append(type(error).__name__)
    results += [(product.name, product.stock) for product in await service.list_active()]
    await container.ashutdown()
    print(json.dumps(results))

container = create_container()
asyncio.run(main())
"""


@pytest.mark.slow
class TestWithoutHttp:
    def test_a_script_goes_on_after_an_error(self, database_url: str, tmp_path: Path) -> None:
        """Its work after an error is committed."""
        (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
        environment = {"DATABASE__URL": database_url, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
        run = subprocess.run(
            [sys.executable, "script.py"],
            cwd=tmp_path,
            env=clean_environment() | BUSY_MACHINE | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        assert json.loads(run.stdout) == [
            "Lamp",
            "ValidationFailedError",
            "NotFoundError",
            "Lamp",
            "ValidationFailedError",
            "NotFoundError",
            "Chair",
            ["Lamp", 7],
            ["Chair", 0],
        ]
        assert "Traceback" not in run.stderr
