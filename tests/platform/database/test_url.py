"""Database URLs as SQLAlchemy, libpq and platforms write them."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myapp.platform.database.url import FILES, SCHEMES, parse_url
from myapp.platform.errors import StartupError
from tests.platform.mail.certificates import Authority


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGSSLMODE", *(f"PG{file.upper()}" for file in FILES)):
        monkeypatch.delenv(name, raising=False)


def target(url: str) -> tuple[Any, ...]:
    parsed = parse_url(url)
    host, port = parsed.arguments.get("host", parsed.url.host), parsed.arguments.get("port", parsed.url.port)
    return parsed.url.username, parsed.url.password, host, port, parsed.url.database


def arguments(query: str) -> dict[str, Any]:
    return {
        name: value for name, value in parse_url(f"postgres://host/name?{query}").arguments.items() if name != "dsn"
    }


def refusal(url: str) -> str:
    with pytest.raises(StartupError, match=r"^database\.url \(DATABASE__URL\): ") as raised:
        parse_url(url)
    message = str(raised.value)
    assert "\n" not in message
    assert "s3cr3t" not in message
    return message


class TestHosts:
    @pytest.mark.parametrize("scheme", SCHEMES)
    @pytest.mark.parametrize(
        ("rest", "expected"),
        [
            ("u:p@host:5433/name", ("u", "p", "host", 5433, "name")),
            ("u:p@host/name", ("u", "p", "host", None, "name")),
            ("u@host", ("u", None, "host", None, None)),
            ("host/name", (None, None, "host", None, "name")),
            ("/name", (None, None, None, None, "name")),
            ("u:100%25%2F%40%3A%23@host/a%20name", ("u", "100%/@:#", "host", None, "a name")),
            ("u:p/?#@host/name", ("u", "p/?#", "host", None, "name")),
            ("u:p@[::1]:5433/name", ("u", "p", "::1", 5433, "name")),
            ("u:p@a:1,b:2/name", ("u", "p", ["a", "b"], [1, 2], "name")),
            ("u:p@a,b:2/name", ("u", "p", ["a", "b"], [5432, 2], "name")),
            ("u:p@[::1]:1,b/name", ("u", "p", ["::1", "b"], [1, 5432], "name")),
            ("u:p@/name?host=a&port=7", ("u", "p", "a", 7, "name")),
            ("u:p@/name?host=a:1,b:2", ("u", "p", ["a", "b"], [1, 2], "name")),
            ("u:p@/name?host=a:1&host=b:2", ("u", "p", ["a", "b"], [1, 2], "name")),
            ("u:p@/name?host=a,b&port=1,2", ("u", "p", ["a", "b"], [1, 2], "name")),
            ("u:p@/name?host=a,b&port=6", ("u", "p", ["a", "b"], [6, 6], "name")),
            ("u:p@/name?host=/cloudsql/shop:eu:db", ("u", "p", "/cloudsql/shop:eu:db", None, "name")),
            ("%2Fvar%2Frun%2Fpostgresql/name", (None, None, "/var/run/postgresql", None, "name")),
            ("/name?host=/run/a,/run/b", (None, None, ["/run/a", "/run/b"], [5432, 5432], "name")),
        ],
    )
    def test_are_found(self, scheme: str, rest: str, expected: tuple[Any, ...]) -> None:
        assert target(f"{scheme}://{rest}") == expected

    @pytest.mark.parametrize(
        "rest",
        [
            "u:s3cr3t@host:port/name",
            "u:s3cr3t@host:99999/name",
            "u:s3cr3t@host:0/name",
            "u:s3cr3t@a:1:2/name",
            "u:s3cr3t@[::1/name",
            "u:s3cr3t@a,,b/name",
            "u:s3cr3t@/name?host=a,b,c&port=1,2",
            "u:s3cr3t@/name?host=a&port=x",
            "u:p@s3cr3t@host/name",
            "u:p@s3cr3t:more@host/name",
            "u:p@x?s3cr3t=1@host/name",
        ],
    )
    def test_that_make_no_sense_are_one_line(self, rest: str) -> None:
        refusal(f"postgres://{rest}")

    @given(st.text(max_size=40), st.sampled_from(["", *(f"{scheme}://" for scheme in SCHEMES)]))
    def test_any_text_is_an_address_or_one_line(self, text: str, start: str) -> None:
        try:
            parse_url(start + text)
        except StartupError as error:
            if "\n" in str(error):
                pytest.fail(repr(error))


class TestParameters:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("", {}),
            ("application_name=shop", {"server_settings": {"application_name": "shop"}}),
            ("fallback_application_name=shop", {"server_settings": {"application_name": "shop"}}),
            (
                "fallback_application_name=other&application_name=shop",
                {"server_settings": {"application_name": "shop"}},
            ),
            ("options=-c%20search_path%3Dshop", {"server_settings": {"options": "-c search_path=shop"}}),
            ("connect_timeout=10", {"timeout": 10.0}),
            ("target_session_attrs=read-write", {"target_session_attrs": "read-write"}),
            ("user=u&password=p&dbname=n", {"user": "u", "password": "p", "database": "n"}),
            ("passfile=/run/secrets/pgpass", {"passfile": "/run/secrets/pgpass"}),
            ("prepared_statement_cache_size=0", {"prepared_statement_cache_size": 0}),
            ("channel_binding=prefer&gssencmode=disable&sslsni=1&client_encoding=UTF8", {}),
            ("sslmode=verify-full&sslrootcert=system", {"ssl": True}),
            ("sslrootcert=system", {"ssl": True}),
        ],
    )
    def test_are_translated(self, query: str, expected: dict[str, Any]) -> None:
        assert arguments(query) == expected

    @pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"])
    def test_sslmode_has_an_older_name(self, mode: str) -> None:
        dsn = parse_url(f"postgres://host/name?sslmode={mode}").arguments["dsn"]
        assert parse_url(f"postgresql+asyncpg://host/name?ssl={mode}").arguments["dsn"] == dsn
        assert f"sslmode={mode}" in dsn

    @pytest.mark.parametrize(
        ("query", "named"),
        [
            ("sslmode=no", "sslmode"),
            ("ssl=true", "ssl"),
            ("ssl=disable&sslmode=require", "contradict"),
            ("channel_binding=require", "channel_binding"),
            ("gssencmode=require", "gssencmode"),
            ("client_encoding=latin1", "client_encoding"),
            ("connect_timeout=0", "connect_timeout"),
            ("connect_timeout=soon", "connect_timeout"),
            ("target_session_attrs=master", "target_session_attrs"),
            ("load_balance_hosts=random", "load_balance_hosts"),
            ("hostaddr=10.0.0.1", "hostaddr"),
            ("keepalives_idle=5", "keepalives_idle"),
            ("sslmod=require", "sslmod"),
            ("statement_timeout=5", "statement_timeout"),
            ("dsn=s3cr3t", "dsn"),
            ("sslrootcert=/no/such/ca.pem", "sslrootcert: /no/such/ca.pem: No such file"),
            (f"sslmode=verify-ca&sslrootcert={__file__}", "sslrootcert"),
            (f"sslmode=require&sslcrl={__file__}", "sslcrl"),
            (f"sslcert={__file__}", "sslcert"),
            (f"sslcert={__file__}&sslkey=/no/such/key.pem", "sslkey: /no/such/key.pem: No such file"),
            ("sslmode=require&sslrootcert=system", "sslrootcert=system"),
        ],
    )
    def test_that_the_driver_has_not_are_named(self, query: str, named: str) -> None:
        if query.startswith("sslrootcert=/no"):
            query += "&sslmode=verify-full"
        assert named in refusal(f"postgres://u:s3cr3t@host/name?{query}")

    def test_files_of_the_environment_are_checked_too(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PGSSLROOTCERT", "/no/such/ca.pem")
        parse_url("postgres://host/name")  # not needed without verification
        assert "sslrootcert" in refusal("postgres://host/name?sslmode=verify-full")
        monkeypatch.setenv("PGSSLROOTCERT", str(Authority(tmp_path).file))
        parse_url("postgres://host/name?sslmode=verify-full")


class TestOtherDatabases:
    @pytest.mark.parametrize(
        "url",
        [
            "",
            "products.db",
            "None",
            "mysql+aiomysql://user:s3cr3t@host/name",
            "postgresql+psycopg://user:s3cr3t@host/name",
            "sqlite:///products.db",
            "sqlite+aiosqlite://",
            "sqlite+aiosqlite:///",
            "sqlite+aiosqlite:///:memory:",
            "http://user:s3cr3t@host:port/name",
        ],
    )
    def test_are_refused(self, url: str) -> None:
        refusal(url)

    def test_sqlite_needs_no_arguments(self) -> None:
        address = parse_url("sqlite+aiosqlite:////srv/products.db")
        assert (address.sqlite_file, address.arguments) == (Path("/srv/products.db"), {})
