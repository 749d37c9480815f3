"""Routes whose calls a test can hold, and routes of every kind of answer. A test adds them with ``modules=``."""

import asyncio
from typing import Any

from fastapi import BackgroundTasks, Request, Response
from fastapi.responses import StreamingResponse
from pico_client_auth import allow_anonymous
from pico_fastapi import controller

from myapp.platform.errors import ConflictError
from myapp.platform.web.routing import post
from myapp.products.schemas import ProductCreate, ProductResponse
from myapp.products.services import ProductService


class Gate:
    """Holds the calls of one application, once they have made their change."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.opened = asyncio.Event()
        self.opened.set()
        self.calls = 0
        self.background: list[int] = []

    def shut(self) -> None:
        self.begun.clear()
        self.opened.clear()

    async def hold(self) -> None:
        self.begun.set()
        await self.opened.wait()


@controller(prefix="/probe", scope="singleton")
class ProbeController:
    def __init__(self, service: ProductService) -> None:
        self._service = service
        self.gate = Gate()
        self.response_context = "EUR"

    async def _create(self, body: ProductCreate) -> Any:
        product = await self._service.create(body.model_dump())  # type: ignore[arg-type]
        self.gate.calls += 1
        await self.gate.hold()
        return product

    @post("/held", response_model=ProductResponse, status_code=201, versioned=True)
    async def hold_product(self, body: ProductCreate) -> Any:
        return await self._create(body)

    @post("/failing", status_code=204)
    async def fail_after_change(self, body: ProductCreate) -> None:
        await self._create(body)
        raise ConflictError("No.")

    @post("/broken", status_code=204)
    async def break_after_change(self, body: ProductCreate) -> None:
        await self._create(body)
        raise RuntimeError("broken")

    @post("/teapot", status_code=204)
    async def answer_with_an_error(self, body: ProductCreate) -> Any:
        await self._create(body)
        return Response(status_code=418)

    @post("/stream")
    async def answer_with_a_stream(self, body: ProductCreate) -> Any:
        product = await self._create(body)
        return StreamingResponse(iter([b"a", b"b"]), headers={"Location": f"/probe/{product.id}"})

    @post("/background", status_code=204)
    async def work_afterwards(self, body: ProductCreate, background: BackgroundTasks) -> None:
        product = await self._create(body)
        background.add_task(self.gate.background.append, product.id)

    @post("/required", status_code=204, idempotency="required")
    async def require_key(self) -> None:
        self.gate.calls += 1

    @post("/bytes", status_code=204)
    async def take_bytes(self, request: Request) -> None:
        self.gate.calls += 1

    @post("/public", status_code=204)
    @allow_anonymous
    async def ignore_key(self) -> None:
        self.gate.calls += 1
