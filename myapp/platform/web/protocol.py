"""HTTP/1.1 below ASGI: refuse what no other layer sees."""

import uuid
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .problems import HEADERS_TOO_LARGE, MALFORMED_REQUEST, HttpProblem, encode_json, problem_members

MAX_HEADER_BYTES = 32_768


class BoundedHttpToolsProtocol(HttpToolsProtocol):
    """Limit the size of headers, ignore trailers, and answer malformed HTTP with a problem.

    uvicorn 0.54 with httptools accepts headers of any size and answers malformed HTTP in plain text. It also adds
    trailers to the headers, although they arrive after every layer has read the headers.
    """

    _header_bytes = 0
    """Bytes received since the parser last reported something other than a header."""
    _in_headers = False

    def data_received(self, data: bytes) -> None:
        self._header_bytes += len(data)
        before = self._header_bytes
        super().data_received(data)
        if self._header_bytes == before > MAX_HEADER_BYTES and not self.transport.is_closing():
            self._refuse(HttpProblem(HEADERS_TOO_LARGE, f"Headers must not be larger than {MAX_HEADER_BYTES} bytes."))

    def on_message_begin(self) -> None:
        self._in_headers = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._header_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._header_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._header_bytes = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(HttpProblem(MALFORMED_REQUEST, "This is not a valid HTTP request."))

    def _refuse(self, problem: HttpProblem) -> None:
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
        self.transport.close()
