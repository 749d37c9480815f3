"""The server of somebody else, which receives webhooks over TLS, and behaves as a test says."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook

from myapp.webhooks.resolving import Resolver

HOST = "hooks.example"
"""The name in the certificate of the receiver."""


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        """The body, without a check of the signature."""
        import json

        found: dict[str, Any] = json.loads(self.body)
        return found

    def verify(self, secret: str) -> dict[str, Any]:
        """Return the message. Raises WebhookVerificationError unless ``secret`` has signed it."""
        found: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return found


Behaviour = Callable[[Received, asyncio.StreamWriter], Awaitable[None]]


def answering(status: int = 200, headers: Sequence[str] = (), body: bytes = b"") -> Behaviour:
    async def answer(_received: Received, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers, "", ""]
        writer.write("\r\n".join(lines).encode() + body)
        await writer.drain()

    return answer


def saying(content: bytes) -> Behaviour:
    """Answer with bytes that need not be HTTP."""

    async def answer(_received: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(content)
        await writer.drain()

    return answer


async def hanging(_received: Received, writer: asyncio.StreamWriter) -> None:
    """Never answer. It ends when the client has closed the connection."""
    await writer.wait_closed()


@dataclass
class Receiver:
    """``behaviours`` maps paths to what is done with their requests; any other path is answered with 200."""

    context: ssl.SSLContext | None
    received: list[Received] = field(default_factory=list)
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    connections: int = 0
    port: int = 0

    async def start(self) -> "Receiver":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def reset(self) -> None:
        self.received.clear()
        self.behaviours.clear()
        self.connections = 0

    def url(self, path: str = "/", host: str = HOST) -> str:
        return f"http{'s' if self.context else ''}://{host}:{self.port}{path}"

    def at(self, path: str) -> list[Received]:
        return [received for received in self.received if received.path == path]

    async def stop(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(split(line) for line in head[1:] if line)
            body = await reader.readexactly(int(headers["content-length"]))
            received = Received(head[0].split()[1], headers, body)
            self.received.append(received)
            await self.behaviours.get(received.path, answering())(received, writer)
        writer.close()


def split(line: str) -> tuple[str, str]:
    name, _, value = line.partition(": ")
    return name.lower(), value


class Names(Resolver):
    """A name server whose answers a test sets. ``lookups`` are the names that were asked for, in order."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.addresses: dict[str, list[Sequence[str]]] = {HOST: [["127.0.0.1"]]}
        self.lookups: list[str] = []

    def set(self, host: str, *answers: Sequence[str]) -> None:
        """Give these answers in turn; the last one is repeated."""
        self.addresses[host] = list(answers)

    async def find_addresses(self, host: str, port: int) -> Sequence[str]:
        self.lookups.append(host)
        answers = self.addresses.get(host, [[]])
        return answers.pop(0) if len(answers) > 1 else answers[0]
