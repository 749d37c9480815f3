"""Send one message to the server of somebody else, who may be hostile."""

import asyncio
import ssl
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

import httpcore
import httpx
from pico_ioc import component

from ..platform.database.types import utc_now
from .addresses import AddressRules
from .messages import Message
from .models import AttemptError
from .resolving import Resolver
from .settings import WebhooksSettings
from .targets import address_in

CONNECT_TIMEOUT = 5.0
"""Seconds until the next address of the name is tried."""
MAX_RETRY_AFTER = 86_400.0
"""The longest pause in seconds that a server can ask for."""
GONE = 410


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an attempt. ``status`` is that of the answer, if there was one; without ``error`` it is 2xx.

    ``retry_after`` is the pause in seconds that the server has asked for.
    """

    started_at: datetime
    duration_ms: int
    status: int | None = None
    error: AttemptError | None = None
    retry_after: float = 0.0


class RefusedError(Exception):
    """The message is not sent: the name has no address, or one that must not be reached."""

    def __init__(self, reason: AttemptError) -> None:
        super().__init__(reason)
        self.reason = reason


FAULTS = (
    RefusedError,
    TimeoutError,
    OSError,  # ssl.SSLError is one
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
)
"""What can go wrong with a server and on the way to it."""


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Resolves the name, checks all its addresses, and connects to one of those that it has checked.

    Nothing resolves the name again, so a name server cannot give another address to the connection than to the check.
    httpcore takes the name in the URL for SNI and for the check of the certificate.
    """

    def __init__(self, resolver: Resolver, rules: AddressRules, *, is_encrypted: bool) -> None:
        self._resolver = resolver
        self._is_allowed = rules.allows if is_encrypted else rules.allows_private
        self._network = httpcore.AnyIOBackend()
        self._stream: httpcore.AsyncNetworkStream | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        literal = address_in(host)
        addresses = [literal] if literal else await self._resolver.find_addresses(host, port)
        if not addresses:
            raise RefusedError("name_not_found")
        if not all(map(self._is_allowed, addresses)):
            raise RefusedError("address_refused")
        fault: Exception = httpcore.ConnectError("there is no address")
        for address in addresses:
            try:
                self._stream = await self._network.connect_tcp(
                    address, port, CONNECT_TIMEOUT, local_address, socket_options
                )
                return self._stream
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                fault = error
        raise fault

    async def close(self) -> None:
        """Close the connection. httpcore 1.0.9 leaves it open if the attempt is cancelled during the TLS handshake."""
        if self._stream is not None:
            await self._stream.aclose()


@component
class WebhookSender:
    """Makes one attempt: no redirects, no proxies, one connection, ``webhooks.timeout`` seconds in total.

    The content of the answer is not read. The certificates of servers must be trusted by this machine;
    ``SSL_CERT_FILE`` names another file of trusted authorities.
    """

    def __init__(self, resolver: Resolver, settings: WebhooksSettings) -> None:
        self._resolver = resolver
        self._rules = AddressRules(settings.allow_networks)
        self._timeout = settings.timeout

    async def send(self, url: str, keys: Sequence[bytes], message: Message) -> Outcome:
        """Send ``message``, signed with each of ``keys``. A failure is an outcome, not an exception."""
        started_at, start = utc_now(), time.monotonic()
        status, error, retry_after = None, None, 0.0
        try:
            async with asyncio.timeout(self._timeout):
                status, retry_after = await self._post(httpx.URL(url), message, message.headers(keys, started_at))
        except FAULTS as fault:
            error = reason_of(fault)
        if status is not None and not 200 <= status < 300:
            error = "unexpected_status"
        return Outcome(started_at, round((time.monotonic() - start) * 1000), status, error, retry_after)

    async def _post(self, url: httpx.URL, message: Message, headers: dict[str, str]) -> tuple[int, float]:
        """Return the status of the answer, and the pause in seconds that it asks for."""
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        headers |= {
            "host": url.netloc.decode("ascii"),
            "content-type": "application/json",
            "user-agent": "products-api",
            "connection": "close",
        }
        network = CheckedNetwork(self._resolver, self._rules, is_encrypted=url.scheme == "https")
        try:
            async with (
                httpcore.AsyncConnectionPool(ssl_context=self._trust, network_backend=network) as pool,
                pool.stream("POST", target, headers=list(headers.items()), content=message.body.encode()) as answer,
            ):
                return answer.status, pause_in(answer.headers)
        finally:
            await network.close()

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context()


def pause_in(headers: Iterable[tuple[bytes, bytes]]) -> float:
    """Return the seconds that ``Retry-After`` asks to wait, ``MAX_RETRY_AFTER`` at most. Return 0 for nonsense."""
    value = next((value for name, value in headers if name.lower() == b"retry-after"), b"").decode("latin-1").strip()
    if value.isascii() and value.isdigit():
        seconds = float(value[:9])
    else:
        try:
            moment = parsedate_to_datetime(value)
            seconds = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - utc_now()).total_seconds()
        except (ValueError, OverflowError):
            return 0.0
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def reason_of(fault: Exception) -> AttemptError:
    match fault:
        case RefusedError():
            return fault.reason
        case TimeoutError() | httpcore.TimeoutException():
            return "timeout"
        case httpcore.ProtocolError():
            return "invalid_answer"
    # httpcore's errors have the original one as their argument.
    is_tls = any(isinstance(error, ssl.SSLError) for error in (fault, *fault.args))
    return "tls_failed" if is_tls else "connection_failed"
