"""Cursors: opaque, signed texts that say where in a list a client is. The service keeps nothing of them."""

import base64
import json
from collections.abc import Sequence
from typing import Any

from pico_ioc import component

from ..errors import InvalidCursorError
from ..signing import StoredKeys, is_signature, sign
from .settings import CursorSettings

MAX_CURSOR = 4096
"""The longest cursor that is read, in characters."""

SIGNATURE_SIZE = 16
"""Bytes of a signature: enough that nobody guesses one, and short."""

STORED_KEY = "cursors"


@component
class Cursors:
    """Makes and reads cursors. A cursor is valid for the list that it was made for, and in all processes.

    ``content`` is anything that JSON can write. Clients can read it but not change it.
    """

    def __init__(self, settings: CursorSettings, stored: StoredKeys) -> None:
        self._keys = [key.encode() for key in settings.keys]
        self._stored = stored

    async def encode(self, list_name: str, content: Any) -> str:
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        signature = sign((await self._valid_keys())[0], signed(list_name, text), SIGNATURE_SIZE)
        return to_base64(signature + text)

    async def decode(self, list_name: str, cursor: str, parameter: str = "cursor") -> Any:
        """Return the content of a cursor, which was sent as ``parameter``.

        Raises InvalidCursorError unless ``encode`` made it for this list.
        """
        data = from_base64(cursor) if len(cursor) <= MAX_CURSOR else b""
        signature, text = data[:SIGNATURE_SIZE], data[SIGNATURE_SIZE:]
        if not is_signature(signature, signed(list_name, text), await self._valid_keys(), SIGNATURE_SIZE):
            raise InvalidCursorError(parameter)
        return json.loads(text)

    async def _valid_keys(self) -> Sequence[bytes]:
        """Return the keys that are accepted. The first one signs."""
        return self._keys or [await self._stored.key(STORED_KEY)]


def signed(list_name: str, text: bytes) -> bytes:
    """Return what is signed. It has the name of the list: no cursor is valid for two lists."""
    return f"{list_name}\0".encode() + text


def to_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def from_base64(text: str) -> bytes:
    """Return the bytes that ``to_base64`` made ``text`` of, or no bytes if it did not."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return b""
    return data if to_base64(data) == text else b""  # base64 has several forms of the same bytes
