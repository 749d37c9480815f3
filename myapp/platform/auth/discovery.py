"""The issuer's discovery document, and the rule for URLs that carry keys or secrets."""

from collections.abc import Collection, Mapping
from typing import Any

import httpx

from ..errors import StartupError
from ..text import shown
from ..urls import base_url, http_url

LOOPBACK = {"localhost", "127.0.0.1", "::1"}

NO_PROXY_FOR_HTTP: dict[str, None] = {"http://": None}
"""The ``mounts`` of a client that never uses a proxy for plain http, even if the environment names one.

Keys that come by plain http are trusted because they come from this machine, or from a host that a setting names; a
proxy could replace them. The client decides for each URL that it fetches.
"""


def discovery_url(issuer: str) -> str:
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


async def discover(issuer: str, client: httpx.AsyncClient) -> dict[str, Any]:
    """Return the issuer's document. Raises if it cannot be fetched or names another issuer (OpenID Discovery §4.3)."""
    document: dict[str, Any] = await fetch_json(discovery_url(issuer), client)
    if document["issuer"] != issuer:
        raise ValueError(f"the discovery document is of {shown(document['issuer'])}, not of {shown(issuer)}")
    return document


async def fetch_json(url: str, client: httpx.AsyncClient, headers: Mapping[str, str] | None = None) -> Any:
    """Return the JSON document at ``url``. A user name and password in it are sent, but no error repeats them."""
    parsed = httpx.URL(url)
    auth = httpx.BasicAuth(parsed.username, parsed.password) if parsed.userinfo else None
    response = await client.get(parsed.copy_with(userinfo=b""), auth=auth, headers=headers)
    return response.raise_for_status().json()


def issuer_client(timeout: float) -> httpx.AsyncClient:
    """Return a client for keys and documents. It uses no proxy for plain http, and follows no redirect."""
    return httpx.AsyncClient(timeout=timeout, mounts=NO_PROXY_FOR_HTTP, follow_redirects=False)


def require_secure(url: str, setting: str, insecure_hosts: Collection[str], *, is_base: bool = False) -> None:
    """Raise StartupError, which names ``setting``, for a URL that must not carry keys, codes or passwords.

    Allowed are https, and plain http to this machine and to ``insecure_hosts`` (``auth.insecure_hosts``). With
    ``is_base``, paths can be appended to the URL.
    """
    try:
        parsed = base_url(url) if is_base else http_url(url)
    except ValueError as error:
        raise StartupError(f"{setting}: {error}") from None
    if parsed.scheme != "https" and parsed.host not in LOOPBACK | set(insecure_hosts):
        raise StartupError(f"{setting}: must be https, or http to a host of auth.insecure_hosts (AUTH__INSECURE_HOSTS)")
