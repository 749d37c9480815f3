"""The URLs of webhooks: what is refused before anything is sent. Addresses are checked again at each attempt."""

import re
from contextlib import suppress
from ipaddress import ip_address

import httpx

from ..platform.urls import http_url
from .models import MAX_URL

NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def target_url(value: str) -> httpx.URL:
    """Return ``value``, parsed and normalised: an international host becomes ASCII.

    Raises ValueError, which says what is wrong.
    """
    if "\\" in value or not value.isprintable():
        raise ValueError("must be a URL without backslashes, blanks and control characters")
    url = http_url(value)
    if url.userinfo or "@" in value.partition("://")[2].partition("/")[0]:
        raise ValueError("must be a URL without user name and password")
    if "#" in value:
        raise ValueError("must be a URL without fragment")
    if len(str(url)) > MAX_URL:
        raise ValueError(f"must be a URL of at most {MAX_URL} characters")
    require_host(url.raw_host.decode("ascii"))
    return url


def require_host(host: str) -> None:
    """Raise ValueError unless ``host`` is a name, or an address in its usual form.

    Resolvers also take ``2130706433``, ``0x7f.1`` and ``0177.0.0.1`` for an address.
    """
    if address_in(host) is not None:
        return
    labels = host.split(".")
    if NUMBER.fullmatch(labels[-1]):
        raise ValueError("must be a URL with a host name, or with an address in its usual form, such as 192.0.2.1")
    if len(host) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise ValueError("must be a URL with a valid host name, without a dot at its end")


def address_in(host: str) -> str | None:
    """Return the address if ``host`` is one, and not a name."""
    with suppress(ValueError):
        return None if "%" in host else str(ip_address(host))
    return None
