"""A controller that answers with its caller. It has a route for every kind of access rule."""

from typing import Annotated, Any

from fastapi import Query, Response
from fastapi.responses import JSONResponse
from pico_client_auth import SecurityContext, allow_anonymous, requires_group, requires_role, requires_scope
from pico_client_auth.agent_context import AgentContext
from pico_fastapi import controller
from pico_ioc import component

from myapp.platform.auth.authorities import requires_permission, requires_permission_for
from myapp.platform.web.routing import get


@component
class ProbeService:
    def for_role(self, *roles: str) -> None:
        SecurityContext.require_role(*roles)

    def for_group(self, *groups: str) -> None:
        SecurityContext.require_group(*groups)

    def for_anybody(self) -> None:
        SecurityContext.require()


@controller(prefix="/probe", scope="singleton")
class ProbeController:
    def __init__(self, service: ProbeService) -> None:
        self._service = service

    @get("/caller")
    async def caller(self) -> Response:
        return describe_caller()

    @get("/anonymous")
    @allow_anonymous
    async def anonymous(self) -> Response:
        return describe_caller()

    @get("/role")
    @requires_role("admin")
    async def role(self) -> Response:
        return describe_caller()

    @get("/permission")
    @requires_permission("probe:read", "products:delete")
    async def permission(self) -> Response:
        return describe_caller()

    @get("/all")
    @requires_permission_for("hidden", "products:delete")
    async def all_of(self, hidden: Annotated[bool, Query()] = False) -> Response:
        return describe_caller()

    @get("/anonymous/all")
    @requires_permission_for("hidden", "products:delete")
    @allow_anonymous
    async def all_of_a_public_route(self, hidden: Annotated[bool, Query()] = False) -> Response:
        return describe_caller()

    @get("/group")
    @requires_group("staff", "board")
    async def group(self) -> Response:
        return describe_caller()

    @get("/scope")
    @requires_scope("treasury:read", "treasury:audit")
    async def scope(self) -> Response:
        return describe_caller()

    @get("/service/role")
    async def role_in_a_service(self) -> None:
        self._service.for_role("admin")

    @get("/service/group")
    async def group_in_a_service(self) -> None:
        self._service.for_group("staff")

    @get("/service/anonymous")
    @allow_anonymous
    async def anonymous_in_a_service(self) -> None:
        self._service.for_anybody()


def describe_caller() -> Response:
    claims, agent = SecurityContext.get(), AgentContext.get()
    caller: dict[str, Any] = {
        "subject": claims and claims.sub,
        "authorities": SecurityContext.get_roles(),
        "groups": SecurityContext.get_groups(),
        "agent": agent and agent.sub,
        "scopes": AgentContext.get_scopes(),
    }
    return JSONResponse(caller)
