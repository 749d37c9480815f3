"""The issuer's discovery document, and the rule for URLs that carry keys or secrets."""

from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

import httpx

from ..errors import StartupError

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def discovery_url(issuer: str) -> str:
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


async def discover(issuer: str, client: httpx.AsyncClient) -> dict[str, Any]:
    """Return the issuer's document. Raises if it cannot be fetched or names another issuer (OpenID Discovery §4.3)."""
    document: dict[str, Any] = (await client.get(discovery_url(issuer))).raise_for_status().json()
    if document["issuer"] != issuer:
        raise ValueError("the discovery document names another issuer")
    return document


def issuer_client(timeout: float) -> httpx.AsyncClient:
    """Return a client that never uses a proxy for plain http, even if the environment names one.

    It follows no redirect.

    Keys that come by plain http are trusted because they come from this machine, or from a host that a setting names;
    a proxy could replace them. The client decides for each URL that it fetches.
    """
    return httpx.AsyncClient(timeout=timeout, mounts={"http://": None}, follow_redirects=False)


def require_secure(url: str, setting: str, insecure_hosts: Collection[str]) -> None:
    """Raise StartupError, which names ``setting``, for a URL that must not carry keys, codes or passwords.

    Allowed are https, and plain http to this machine and to ``insecure_hosts`` (``auth.insecure_hosts``).
    """
    parts = urlsplit(url)
    hosts = LOOPBACK | set(insecure_hosts)
    if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in hosts)):
        return
    raise StartupError(f"{setting}: must be https, or http to a host of auth.insecure_hosts (AUTH__INSECURE_HOSTS)")
