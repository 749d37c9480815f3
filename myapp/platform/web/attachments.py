"""File downloads in constant memory."""

from collections.abc import AsyncIterator
from typing import Protocol

from fastapi import Response
from fastapi.responses import StreamingResponse


class File(Protocol):
    """A file to send: ``name`` is plain ASCII without quotes; ``size`` is in bytes."""

    @property
    def name(self) -> str: ...
    @property
    def media_type(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def chunks(self) -> AsyncIterator[bytes]: ...


def attachment(file: File) -> Response:
    """Return a download.

    If the chunks fail halfway, the server closes the connection, so that no client takes a part for the whole file.
    """
    headers = {
        "Content-Disposition": f'attachment; filename="{file.name}"',
        "Content-Length": str(file.size),
    }
    return StreamingResponse(file.chunks, headers=headers, media_type=file.media_type)
