"""HTTP/1.1 below ASGI: refuse what no other layer sees."""

import uuid
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .problems import (
    HEADERS_TOO_LARGE,
    MALFORMED_REQUEST,
    URI_TOO_LONG,
    HttpProblem,
    encode_json,
    problem_members,
)

MAX_HEADER_BYTES = 32_768
"""The largest head of a request: its first line, its headers and the empty line. Trailers have the same limit."""

MAX_TARGET_BYTES = 16_384
"""The longest path with query, in the first line."""

LINGER_SECONDS = 2.0
MAX_IGNORED_BYTES = 1_048_576
"""How long, and for how many bytes, a refused client may go on sending until the connection is closed."""

END_OF_HEAD = b"\r\n\r\n"

TOO_LARGE = HttpProblem(HEADERS_TOO_LARGE, f"Headers must not be larger than {MAX_HEADER_BYTES} bytes.")
TOO_LONG = HttpProblem(URI_TOO_LONG, f"Path and query must not be longer than {MAX_TARGET_BYTES} bytes.")
MALFORMED = HttpProblem(MALFORMED_REQUEST, "This is not a valid HTTP request.")


class BoundedHttpToolsProtocol(HttpToolsProtocol):
    """Limit the size of each message's head, ignore trailers, and answer malformed HTTP with a problem.

    uvicorn 0.54 with httptools accepts headers of any size and answers malformed HTTP in plain text, even before the
    answers to earlier requests of the connection. It also adds trailers to the headers, although they arrive after
    every layer has read the headers.

    The size of a head does not depend on how the bytes arrive. The head of a request that follows a body in the same
    read cannot be measured, because the parser does not tell where it begins. Its size is summed up from its parts.
    """

    url = b""
    _in_head = True
    """Whether the next byte belongs to a head. The other bytes are bodies and trailers."""
    _head_bytes = 0
    _head_is_measured = True
    _in_rest = False
    """Whether the parser reads bytes that began after a head."""
    _last_bytes = b""
    """The end of the last read, where the end of the head may have begun."""
    _trailer_bytes = 0
    _silent_bytes = 0
    """Bytes after a head since the parser last reported anything."""
    _unparsed_body = 0
    """Bytes of the body that the parser will not read. httptools 0.9 skips the body of a request that offers to upgrade
    the connection, such as each POST of Java's HttpClient, and would take it for another request."""
    _refusal: HttpProblem | None = None
    _is_refused = False
    """Whether the refusal was sent."""
    _ignored_bytes = 0

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            self._ignored_bytes += len(data)
            if self._ignored_bytes > MAX_IGNORED_BYTES:
                self.transport.close()
        while data and self._refusal is None:
            data = self._receive_head(data) if self._in_head else self._receive_rest(data)

    def _receive_head(self, data: bytes) -> bytes:
        """Parse up to the end of the head. Return the bytes after it."""
        found = (self._last_bytes + data).find(END_OF_HEAD)
        end = found + len(END_OF_HEAD) - len(self._last_bytes) if found >= 0 else len(data)
        room = MAX_HEADER_BYTES - self._head_bytes
        part = data[: min(end, room)]
        self._head_bytes += len(part)
        self._last_bytes = b"" if found >= 0 else (self._last_bytes + data)[-len(END_OF_HEAD) + 1 :]
        super().data_received(part)
        if end > room and self._refusal is None and self._in_head:
            self._refuse(TOO_LARGE)
        return data[len(part) :]

    def _receive_rest(self, data: bytes) -> bytes:
        if self._unparsed_body:
            part = data[: self._unparsed_body]
            self._unparsed_body -= len(part)
            self.on_body(part)
            if not self._unparsed_body:
                self.on_message_complete()
            return data[len(part) :]
        self._silent_bytes += len(data)
        before = self._silent_bytes
        self._in_rest = True
        super().data_received(data)
        self._in_rest = False
        if self._silent_bytes == before > MAX_HEADER_BYTES and self._refusal is None:
            self._refuse(TOO_LARGE)
        return b""

    def on_message_begin(self) -> None:
        self._head_is_measured = not self._in_rest
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_TARGET_BYTES:
            self._stop(TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            super().on_header(name, value)
            return
        self._silent_bytes = 0
        self._trailer_bytes += size_of(name, value)
        if self._trailer_bytes > MAX_HEADER_BYTES:
            self._stop(TOO_LARGE)

    def on_headers_complete(self) -> None:
        if not self._head_is_measured:
            parts = sum(size_of(name, value) for name, value in self.headers)
            if len(self.url) + parts > MAX_HEADER_BYTES:
                self._stop(TOO_LARGE)
        super().on_headers_complete()
        self._in_head = False
        self._trailer_bytes = self._silent_bytes = 0
        if self.parser.should_upgrade():
            self._unparsed_body = int(dict(self.headers).get(b"content-length", 0))

    def on_body(self, body: bytes) -> None:
        self._silent_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._unparsed_body:
            return
        self._in_head = True
        self._head_bytes = self._silent_bytes = 0
        self._last_bytes = b""
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._refusal is not None and not self._is_answering():
            self._send(self._refusal)

    def _stop(self, refusal: HttpProblem) -> None:
        """Refuse the message from inside a callback: the error stops the parser, and the server answers with 400."""
        self._refusal = refusal
        raise ValueError(refusal.detail)

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._refusal or MALFORMED)

    def _refuse(self, refusal: HttpProblem) -> None:
        """Answer with the problem, after the answers to earlier requests of the connection."""
        self._refusal = refusal
        is_of_last_request = not self._in_head  # its body or trailers are at fault
        if not self._is_answering():
            self._send(refusal)
        elif is_of_last_request and self.pipeline:
            self.pipeline.popleft()
            self.cycle.response_complete = True
        elif is_of_last_request and self.cycle.response_started:
            self.transport.close()
        elif is_of_last_request:
            self._send(refusal)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _send(self, problem: HttpProblem) -> None:
        if self.transport.is_closing() or self._is_refused:
            return
        self._is_refused = True
        if self._is_answering():
            self.cycle.disconnected = True  # the application's answer comes too late
            self.cycle.message_event.set()
        request_id = uuid.uuid4().hex
        body = encode_json(problem_members(problem, "", request_id)).encode()
        head: dict[str, Any] = {
            "content-type": "application/problem+json",
            "content-length": len(body),
            "connection": "close",
            "cache-control": "no-store",
            "x-request-id": request_id,
        }
        status = HTTPStatus(problem.status_code)
        lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in head.items())]
        self.logger.warning("refused a connection: %s request_id=%s", problem.kind.code, request_id)
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        # Bytes that arrive at a closed socket reset the connection, and the client would lose the answer.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.close)


def size_of(name: bytes, value: bytes) -> int:
    """Return the size of a header line, without optional blanks."""
    return len(name) + len(value) + len(":\r\n")
