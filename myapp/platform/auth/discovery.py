"""The issuer's discovery document, and the rule where it may come from."""

from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

import httpx

from ..errors import StartupError

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def discovery_url(issuer: str) -> str:
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


async def discover(issuer: str, client: httpx.AsyncClient) -> dict[str, Any]:
    """Return the document (OpenID Connect Discovery 1.0 §4.3: it must name the same issuer). Raises on any fault."""
    document: dict[str, Any] = (await client.get(discovery_url(issuer))).raise_for_status().json()
    if document["issuer"] != issuer:
        raise ValueError("the discovery document is of another issuer")
    return document


def client_for(issuer: str, timeout: float) -> httpx.AsyncClient:
    """Return a client that uses a proxy only for https: plain http must not leave this machine on its way to it."""
    return httpx.AsyncClient(timeout=timeout, trust_env=issuer.startswith("https:"))


def require_secure(url: str, setting: str, insecure_hosts: Collection[str]) -> None:
    """Keys, codes and passwords travel by https, or by plain http to this machine and to hosts of
    ``auth.insecure_hosts``.

    Raises StartupError, which names the setting.
    """
    parts = urlsplit(url)
    hosts = LOOPBACK | set(insecure_hosts)
    if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in hosts)):
        return
    raise StartupError(f"{setting}: must be https, or http to a host of auth.insecure_hosts (AUTH__INSECURE_HOSTS)")
