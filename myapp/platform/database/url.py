"""Read the address of a database: SQLAlchemy's URLs, and libpq's as platforms provide them.

libpq's parameters are listed at https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS.
"""

import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from ..errors import StartupError

SETTING = "database.url (DATABASE__URL)"

SCHEMES = ("postgresql+asyncpg", "postgresql", "postgres")

SPLIT = re.compile(r"(?P<front>[\w+]+://(?:[^:/]*(?::[^@]*)?@)?)(?P<hosts>[^/?]*)(?P<rest>.*)", re.DOTALL)
"""SQLAlchemy's own rule for user and password, but with any number of hosts."""

HOST = re.compile(r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<name>[^:\[\]]*))(?::(?P<port>\d{0,5}))?")

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
SESSIONS = ("any", "primary", "standby", "prefer-standby", "read-write", "read-only")

FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
TLS = {*FILES, "sslpassword", "ssl_min_protocol_version", "ssl_max_protocol_version", "sslnegotiation"}
"""asyncpg takes these from a URL only."""

DRIVER = {"passfile", "service", "servicefile", "krbsrvname", "gsslib"}
CACHES = {"prepared_statement_cache_size", "statement_cache_size"}

WITHOUT_EFFECT = {
    "channel_binding": {"disable", "prefer"},
    "client_encoding": {"auto", "utf8", "utf-8"},
    "gssencmode": {"disable", "prefer"},
    "load_balance_hosts": {"disable"},
    "sslcertmode": {"allow"},
    "sslcompression": {"0"},
    "sslsni": {"1"},
}
"""The values that say what asyncpg does anyway. It can do nothing else."""


@dataclass(frozen=True)
class DatabaseAddress:
    """Where the database is. ``url`` is SQLAlchemy's; ``arguments`` are those of the driver's ``connect``."""

    url: URL
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sqlite_file(self) -> Path | None:
        return Path(self.url.database or "") if self.url.drivername.startswith("sqlite") else None


def parse_url(url: str, setting: str = SETTING) -> DatabaseAddress:
    """Return the address in ``url``. Raises StartupError, which names ``setting`` and never quotes the URL's values."""
    try:
        if url.partition("://")[0] in SCHEMES:
            return parse_postgresql(url)
        parsed = make_url(url)
    except StartupError as error:
        raise StartupError(f"{setting}: {error}") from error.__cause__
    except (ArgumentError, ValueError):
        parsed = None
    if parsed and parsed.drivername == "sqlite+aiosqlite" and parsed.database not in (None, "", ":memory:"):
        return DatabaseAddress(parsed)
    raise StartupError(f"{setting}: must be sqlite+aiosqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")


def parse_postgresql(url: str) -> DatabaseAddress:
    parts = SPLIT.fullmatch(url)
    assert parts
    if "@" in parts["hosts"]:
        raise StartupError("write @ in the user name and the password as %40")
    parsed = make_url(parts["front"] + parts["rest"])
    query = {name: value if isinstance(value, str) else value[-1] for name, value in parsed.query.items()}
    hosts = parsed.query.get("host", parts["hosts"])
    arguments = host_arguments(hosts if isinstance(hosts, str) else ",".join(hosts), query.pop("port", ""))
    query.pop("host", None)
    arguments |= arguments_of(query, name_unknown="@" not in parts["rest"])
    host, port = arguments.get("host"), arguments.get("port")
    if isinstance(host, str) and not host.startswith("/"):
        del arguments["host"]
        arguments.pop("port", None)
        parsed = parsed.set(host=host, port=port)
    return DatabaseAddress(
        URL.create("postgresql+asyncpg", parsed.username, parsed.password, parsed.host, parsed.port, parsed.database),
        arguments,
    )


def host_arguments(hosts: str, ports: str) -> dict[str, Any]:
    """Return the arguments for one host, a list of hosts in the order to try, or a folder of sockets."""
    specs = [read_host(spec) for spec in hosts.split(",")]
    numbers = [read_port(port) for port in ports.split(",")]
    if len(numbers) not in (1, len(specs)):
        raise StartupError("there must be one port, or one for each host")
    numbers *= len(specs) if len(numbers) == 1 else 1
    chosen = [(host, own or number) for (host, own), number in zip(specs, numbers, strict=True)]
    if len(chosen) == 1:
        ((host, port),) = chosen
        return {name: value for name, value in (("host", host), ("port", port)) if value}
    if not all(host for host, _ in chosen):
        raise StartupError("a host in its list is empty")
    return {"host": [host for host, _ in chosen], "port": [port or 5432 for _, port in chosen]}


def read_host(spec: str) -> tuple[str, int | None]:
    if spec.startswith("/"):  # a folder of sockets; its name may have colons
        return spec, None
    if not (found := HOST.fullmatch(spec)):
        raise StartupError("its host or port is not valid")
    return unquote(found["ipv6"] or found["name"] or ""), read_port(found["port"] or "")


def read_port(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise StartupError("its host or port is not valid")
    return int(text)


def arguments_of(query: Mapping[str, str], name_unknown: bool) -> dict[str, Any]:
    """Translate the parameters of a URL. ``name_unknown`` is false where a name may be a piece of a password."""
    arguments: dict[str, Any] = {}
    tls: dict[str, str] = {}
    server: dict[str, str] = {}
    for name, value in query.items():
        match name:
            case "sslmode" | "ssl":
                if query.get("sslmode", value) != query.get("ssl", value):
                    raise StartupError("its parameters ssl and sslmode contradict each other")
                tls["sslmode"] = one_of(SSL_MODES, name, value)
            case "target_session_attrs":
                arguments[name] = one_of(SESSIONS, name, value)
            case "connect_timeout":
                arguments["timeout"] = float(at_least(1, name, value))
            case "application_name" | "options":
                server[name] = value
            case "fallback_application_name":
                server.setdefault("application_name", query.get("application_name", value))
            case "dbname" | "database":
                arguments["database"] = value
            case "user" | "password":
                arguments[name] = value
            case _ if name in TLS:
                tls[name] = value
            case _ if name in DRIVER:
                arguments[name] = value
            case _ if name in CACHES:
                arguments[name] = at_least(0, name, value)
            case _ if name in WITHOUT_EFFECT:
                one_of(WITHOUT_EFFECT[name], name, value.lower())
            case _:
                named = f"{name[:40]!r} " if name_unknown else ""
                raise StartupError(f"its parameter {named}is not supported")
    if server:
        arguments["server_settings"] = server
    return arguments | tls_arguments(tls)


def tls_arguments(tls: dict[str, str]) -> dict[str, Any]:
    """Return the arguments for TLS. asyncpg takes most parameters from a URL only, so it gets one without a host."""
    if tls.get("sslrootcert") == "system":  # the authorities of this machine, or those of SSL_CERT_FILE
        if tls.get("sslmode", "verify-full") != "verify-full" or set(tls) - {"sslmode", "sslrootcert"}:
            raise StartupError("its parameter sslrootcert=system needs sslmode=verify-full and no other TLS parameter")
        return {"ssl": True}
    mode = tls.setdefault("sslmode", os.environ.get("PGSSLMODE") or "prefer")
    if mode in SSL_MODES:
        check_files(mode, {name: tls.get(name) or os.environ.get(f"PG{name.upper()}") for name in FILES}, tls)
    return {"dsn": f"postgresql://?{urlencode(tls)}"}


def check_files(mode: str, files: Mapping[str, str | None], tls: Mapping[str, str]) -> None:
    """Raise StartupError for a file that cannot be used. asyncpg would report it without its name at each connect."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    name = ""
    try:
        for name in ("sslrootcert", "sslcrl"):
            if (file := files[name]) and SSL_MODES.index(mode) >= SSL_MODES.index("require"):
                context.load_verify_locations(file)
        if mode != "disable" and (certificate := files["sslcert"]):
            for name in ("sslcert", "sslkey"):
                Path(files[name] or certificate).open("rb").close()
            name = "sslcert"
            context.load_cert_chain(certificate, files["sslkey"], tls.get("sslpassword", ""))
    except ssl.SSLError as error:
        raise StartupError(f"its parameter {name}: {files[name]}: {error.reason or 'is not such a file'}") from error
    except OSError as error:
        raise StartupError(f"its parameter {name}: {files[name]}: {error.strerror}") from error


def one_of(values: Any, name: str, value: str) -> str:
    if value not in values:
        raise StartupError(f"its parameter {name} must be {' or '.join(sorted(values))}")
    return value


def at_least(least: int, name: str, value: str) -> int:
    if not value.isdecimal() or len(value) > 6 or int(value) < least:
        raise StartupError(f"its parameter {name} must be a number, {least} at least")
    return int(value)
