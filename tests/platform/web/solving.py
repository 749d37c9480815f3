"""A controller with arguments of every kind. A test adds it to the application with ``modules=``."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, HTTPException, Query, Request
from pico_client_auth import allow_anonymous
from pico_fastapi import controller
from pico_ioc import component
from pydantic import BaseModel, Field

from myapp.platform.web.paging import PageQuery
from myapp.platform.web.query import QueryModel
from myapp.platform.web.routing import get, post, put


@component(scope="request")
class Visit:
    """Something that lives as long as a request."""

    count = 0

    def __init__(self) -> None:
        Visit.count += 1
        self.number = Visit.count


class Size(QueryModel):
    width: int = Field(default=1, ge=1, alias="w")
    colour: str | None = None


class SizeQuery(Size, PageQuery): ...


class Thing(BaseModel):
    name: str
    parts: dict[str, list[float]] = Field(default={}, alias="p")


async def host(request: Request) -> str:
    return request.headers.get("x-thing", "-")


async def refuse_request(request: Request) -> str:
    raise HTTPException(418)


async def refuse() -> None:
    raise HTTPException(418)


@controller(prefix="/solving", scope="request")
class SolvingController:
    def __init__(self, visit: Visit) -> None:
        self._visit = visit

    @get("/visit", response_model=list[int])
    @allow_anonymous
    async def visit(self) -> Any:
        return [self._visit.number, self._visit.number]

    @get("/nothing", response_model=list[str])
    @allow_anonymous
    async def nothing(self) -> Any:
        return []

    @get("/id/{thing_id:id}", response_model=list[Any])
    @allow_anonymous
    async def by_id(self, thing_id: int, asked: Request) -> Any:
        return [thing_id, asked.url.path]

    @get("/uuid/{thing_id:uuid}", response_model=UUID)
    @allow_anonymous
    async def by_uuid(self, thing_id: UUID) -> Any:
        return thing_id

    @get("/converted/{thing_id}", response_model=int)
    @allow_anonymous
    async def converted(self, thing_id: int) -> Any:
        return thing_id

    @get("/single", response_model=list[Any])
    @allow_anonymous
    async def single(
        self,
        q: Annotated[str, Query(min_length=2)],
        limit: Annotated[int, Query(ge=1, le=5)] = 5,
        exact: Annotated[bool, Query()] = False,
    ) -> Any:
        return [q, limit, exact]

    @get("/model", response_model=dict[str, Any])
    @allow_anonymous
    async def model(self, query: Annotated[SizeQuery, Query()]) -> Any:
        return query.model_dump()

    @get("/dependency", response_model=str)
    @allow_anonymous
    async def dependency(self, thing: Annotated[str, Depends(host)]) -> Any:
        return thing

    @get("/guarded", response_model=str, dependencies=[Depends(refuse)])
    @allow_anonymous
    async def guarded(self) -> Any:
        return "open"

    @get("/mixed", response_model=list[Any])
    @allow_anonymous
    async def mixed(self, query: Annotated[Size, Query()], limit: Annotated[int, Query()] = 5) -> Any:
        return [query.width, limit]

    @get("/number/{number:int}", response_model=int)
    @allow_anonymous
    async def number(self, number: int) -> Any:
        return number

    @put("/body/{thing_id:id}", response_model=list[Any])
    @allow_anonymous
    async def body(self, thing_id: int, body: Thing, thing: Annotated[str, Depends(host)]) -> Any:
        return [thing_id, body.name, body.parts, thing]

    @post("/refused", response_model=str)
    @allow_anonymous
    async def refused(self, body: Thing, thing: Annotated[str, Depends(refuse_request)]) -> Any:
        return body.name
