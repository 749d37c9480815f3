"""The sections ``web`` and ``cursors``."""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pico_ioc import configured
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

DEFAULT_PORTS = {"http": 80, "https": 443}
APP_SCHEMES = ("app", "capacitor", "ionic", "tauri", "vscode-webview")
"""Schemes of applications that are browsers inside. Those of browser extensions end in ``-extension``."""

HOST = re.compile(r"[a-z0-9_.-]+|\[[0-9a-f:.]+\]")
ROOT_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[\w.~!$&'()*+,;=:@-]+)*")
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def refusal(value: str, expected: str) -> PydanticCustomError:
    shown = "A value with a user name" if "@" in value else ascii(value[:100])  # a password may follow the name
    return PydanticCustomError("meaning", "{shown} is not {expected}", {"shown": shown, "expected": expected})


def as_origin(value: str) -> str:
    """Return an origin as browsers send it (RFC 6454 §6.2): in lower case, without the default port and a slash."""
    text = value.strip().removesuffix("/")
    if text in ("*", "null"):
        return text
    fault = refusal(value, "an origin: a scheme, a host and perhaps a port, such as https://shop.example.com")
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname or ""
        host = f"[{ip_address(host).compressed}]" if ":" in host else host
    except ValueError:
        raise fault from None
    scheme = parts.scheme
    is_known = scheme in DEFAULT_PORTS or scheme in APP_SCHEMES or scheme.endswith("-extension")
    has_more = "@" in text or text.lower() != f"{scheme}://{parts.netloc.lower()}"
    if not is_known or not HOST.fullmatch(host) or has_more:
        raise fault
    return f"{scheme}://{host}" if port in (None, DEFAULT_PORTS.get(scheme)) else f"{scheme}://{host}:{port}"


def as_origins(values: list[str]) -> list[str]:
    return [as_origin(value) for value in values]


def as_header_names(values: list[str]) -> list[str]:
    for value in values:
        if not HEADER_NAME.fullmatch(value):
            raise refusal(value, "the name of a header")
    return values


def as_proxies(values: list[str]) -> list[str]:
    """Return addresses and networks. A network may be written as one of its addresses: ``10.0.0.1/8``."""
    return ["*"] if "*" in values else [as_proxy(value.strip()) for value in values]


def as_proxy(value: str) -> str:
    try:
        return str(ip_network(value, strict=False) if "/" in value else ip_address(value))
    except ValueError:
        raise refusal(value, "an IP address or a network, such as 10.0.0.0/8; names are not looked up") from None


def as_root_path(value: str) -> str:
    path = value.strip().rstrip("/")
    if not ROOT_PATH.fullmatch(path):
        raise refusal(value, "a path that begins with /, such as /shop")
    return path


def as_http_url(value: str) -> str:
    """Return ``value`` without a slash at its end."""
    fault = refusal(value, "an http or https URL without user name, query and fragment")
    try:
        parts = urlsplit(value)
        is_valid = parts.scheme in DEFAULT_PORTS and parts.hostname and parts.port != 0
    except ValueError:
        raise fault from None
    if not is_valid or not value.isprintable() or any(sign in value for sign in "?#@ \\"):
        raise fault
    return value.rstrip("/")


@configured(target="self", prefix="web", mapping="tree")
@dataclass
class WebSettings:
    """``trusted_proxies`` are addresses or networks whose ``X-Forwarded-*`` headers are trusted; ``*`` means all.

    ``public_url`` is the URL by which clients reach this service, with the path that a proxy strips. Links in mails
    begin with it. Times are in seconds.
    """

    root_path: Annotated[str, AfterValidator(as_root_path)] = ""
    public_url: Annotated[str, AfterValidator(as_http_url)] = "http://127.0.0.1:8000"
    cors_origins: Annotated[list[str], AfterValidator(as_origins)] = field(default_factory=list)
    cors_headers: Annotated[list[str], AfterValidator(as_header_names)] = field(default_factory=list)
    trusted_proxies: Annotated[list[str], AfterValidator(as_proxies)] = field(default_factory=list)
    max_body_bytes: Annotated[int, Field(ge=1)] = 1_048_576
    max_bulk_body_bytes: Annotated[int, Field(ge=1)] = 8_388_608
    keep_alive: Annotated[int, Field(ge=1)] = 75
    worker_timeout: Annotated[int, Field(ge=1)] = 60
    stop_timeout: Annotated[int, Field(ge=1)] = 30
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_json: bool = False


@configured(target="self", prefix="cursors", mapping="tree")
@dataclass
class CursorSettings:
    """``keys`` are secrets: the first one signs cursors, all are accepted. Without any, the database keeps one."""

    keys: list[Annotated[str, Field(min_length=32)]] = field(default_factory=list)
