"""The HTTP endpoint of the public keys."""

from typing import Any

from fastapi.responses import JSONResponse, Response
from pico_client_auth import allow_anonymous
from pico_fastapi import controller

from myapp.platform.web.routing import get

from .ring import KeyRing


@controller(tags=["Issuer"], scope="singleton")
class KeyController:
    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    @get("/jwks.json", response_model=dict[str, Any])
    @allow_anonymous
    async def jwks(self) -> Response:
        """Return the keys that verify tokens, including the keys of older tokens that are still valid."""
        # Shorter than keys.publish_before_use, so that no cache misses a key that signs already.
        return JSONResponse(self._keys.public_keys(), headers={"Cache-Control": "public, max-age=10"})
