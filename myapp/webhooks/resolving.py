"""Find the addresses of a name."""

import asyncio
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress

from pico_ioc import component


class Resolver(ABC):
    """The port to the resolver of names. One component implements it.

    Its method is not called ``resolve``: pico-client-auth 0.7.1 would take the component for its RoleResolver.
    """

    @abstractmethod
    async def find_addresses(self, host: str, port: int) -> Sequence[str]:
        """Return all addresses of ``host``, the preferred one first. Return none if it has none."""


@component
class SystemResolver(Resolver):
    """Asks the resolver of this machine, in a thread of its own for each name that is being looked up.

    A lookup cannot be cancelled. A shared pool of threads would be full as soon as a few name servers do not answer.
    """

    def __init__(self) -> None:
        self._lookups: dict[str, asyncio.Future[Sequence[str]]] = {}

    async def find_addresses(self, host: str, port: int) -> Sequence[str]:
        lookup = self._lookups.get(host)
        if lookup is None or lookup.get_loop() is not asyncio.get_running_loop():
            lookup = self._lookups[host] = asyncio.get_running_loop().create_future()
            threading.Thread(target=self._look_up, args=(host, port, lookup), daemon=True).start()
        return await asyncio.shield(lookup)

    def _look_up(self, host: str, port: int, lookup: asyncio.Future[Sequence[str]]) -> None:
        found = addresses_of(host, port)
        with suppress(RuntimeError):  # the event loop is closed
            lookup.get_loop().call_soon_threadsafe(self._finish, host, lookup, found)

    def _finish(self, host: str, lookup: asyncio.Future[Sequence[str]], found: Sequence[str]) -> None:
        if self._lookups.get(host) is lookup:
            del self._lookups[host]
        lookup.set_result(found)


def addresses_of(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
