"""A tiny application on the unchanged classes of the pico packages, for test_upstream.py."""

from decimal import Decimal
from typing import Any, ClassVar

from pico_client_auth import SecurityContext, allow_anonymous
from pico_fastapi import controller, get
from pico_ioc import cleanup, component
from pydantic import BaseModel


class Shown(BaseModel):
    name: str


class Kept(Shown):
    secret: str = "s3cr3t"


class Priced(BaseModel):
    price: Decimal = Decimal("9.50")


@controller(prefix="/stock", scope="singleton")
class StockController:
    @get("/model", response_model=Shown)
    @allow_anonymous
    async def model(self) -> Any:
        """A description for readers of the documentation."""
        return Kept(name="Lamp")

    @get("/list")
    @allow_anonymous
    async def list(self) -> Any:
        return [Shown(name="Lamp")]

    @get("/decimal")
    @allow_anonymous
    async def decimal(self) -> Any:
        return Priced()

    @get("/caller")
    async def caller(self) -> Any:
        return {"roles": SecurityContext.get_roles()}

    @get("/service")
    async def service(self) -> Any:
        SecurityContext.require_role("admin")


@component
class Resource:
    closed: ClassVar[int] = 0

    @cleanup
    def close(self) -> None:
        Resource.closed += 1
