"""HTTP/1.1 below ASGI: what a client may send before a request can be refused by anything else."""

import uuid
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .problems import HEADERS_TOO_LARGE, MALFORMED_REQUEST, HttpProblem, encode, members

MAX_HEADER_BYTES = 32_768


class BoundedHttpToolsProtocol(HttpToolsProtocol):
    """uvicorn 0.54 with httptools keeps headers of any size, takes trailers for headers, although they come after
    everything that looks at headers, and answers what is not HTTP in plain text."""

    _unheard = 0
    """Bytes since the parser last told of anything but a header."""
    _in_headers = False

    def data_received(self, data: bytes) -> None:
        self._unheard += len(data)
        before = self._unheard
        super().data_received(data)
        if self._unheard == before > MAX_HEADER_BYTES and not self.transport.is_closing():
            self._refuse(HttpProblem(HEADERS_TOO_LARGE, f"Headers may have up to {MAX_HEADER_BYTES} bytes."))

    def on_message_begin(self) -> None:
        self._in_headers = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._unheard = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unheard = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unheard = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(HttpProblem(MALFORMED_REQUEST, "This is not a valid HTTP request."))

    def _refuse(self, problem: HttpProblem) -> None:
        request_id = uuid.uuid4().hex
        body = encode(members(problem, "", request_id)).encode()
        head: dict[str, Any] = {
            "content-type": "application/problem+json",
            "content-length": len(body),
            "connection": "close",
            "x-request-id": request_id,
        }
        status = HTTPStatus(problem.status_code)
        lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in head.items())]
        self.logger.warning("refused a connection: %s request_id=%s", problem.kind.code, request_id)
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()
