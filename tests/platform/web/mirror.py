"""A route that answers with what it knows about its request. A test adds it to the application with ``modules=``."""

from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse
from pico_client_auth import allow_anonymous
from pico_fastapi import controller

from myapp.platform.web.routing import get


@controller(prefix="/mirror", scope="singleton")
class MirrorController:
    @get("/")
    @allow_anonymous
    async def mirror(self, request: Request) -> Any:
        return JSONResponse(
            {
                "client": request.client.host if request.client else None,
                "scheme": request.url.scheme,
                "root_path": request.scope["root_path"],
            }
        )
