"""Files over HTTP, in constant memory."""

from collections.abc import AsyncIterator
from typing import Protocol

from fastapi import Response
from fastapi.responses import StreamingResponse


class File(Protocol):
    """``name`` is plain ASCII without quotes; ``size`` is in bytes."""

    @property
    def name(self) -> str: ...
    @property
    def media_type(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def chunks(self) -> AsyncIterator[bytes]: ...


def attachment(file: File) -> Response:
    """To be saved, and not to be kept by any cache. Where the chunks fail in the middle the connection breaks off, so
    that nobody takes a part for the whole."""
    headers = {
        "Content-Disposition": f'attachment; filename="{file.name}"',
        "Content-Length": str(file.size),
        "Cache-Control": "private, no-store",
    }
    return StreamingResponse(file.chunks, headers=headers, media_type=file.media_type)
