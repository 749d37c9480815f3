"""URLs of other services: from settings, options and documents."""

import re

import httpx

HOST = re.compile(r"[\w.-]+|[0-9a-fA-F:.]+")
"""A host name, or an address of IP version 4 or 6 without brackets."""


def http_url(url: str) -> httpx.URL:
    """Return ``url``, parsed. Raises ValueError, which says what is wrong, if it is no http or https URL with a host.

    httpx parses it because httpx fetches it: another parser could find another host in the same text.
    """
    try:
        parsed = httpx.URL(url)
        host = parsed.host
    except (httpx.InvalidURL, TypeError, ValueError):
        raise ValueError("must be a URL") from None
    if parsed.scheme not in ("http", "https"):
        raise ValueError("must be a URL that begins with https:// or http://")
    if not HOST.fullmatch(host) or any(character.isspace() for character in url):
        raise ValueError("must be a URL with a host and without blanks")
    if parsed.port is not None and not 0 < parsed.port < 65536:
        raise ValueError("must be a URL with a port between 1 and 65535")
    return parsed


def base_url(url: str) -> httpx.URL:
    """Return ``url``, parsed, if paths can be appended to it. Raises ValueError as ``http_url``."""
    parsed = http_url(url)
    if parsed.userinfo or "?" in url or "#" in url:
        raise ValueError("must be a URL without user name, query and fragment")
    return parsed


def host_name(value: str) -> str:
    """Return a host as ``http_url`` finds it in a URL. Raises ValueError for anything else, such as a URL or a port."""
    try:
        host = http_url(f"http://{value}").host
    except ValueError:
        host = ""
    if not host or value.strip("[]").lower() != host:
        raise ValueError("must be a host name or address without scheme, port and path")
    return host
