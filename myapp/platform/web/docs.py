"""Swagger UI, ReDoc and the OpenAPI document: public, and without a request to anybody else."""

from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from pico_client_auth import allow_anonymous
from pico_fastapi import FastApiConfigurer
from pico_ioc import component

ASSETS = Path(fastapi_offline.__file__).parent / "static"
"""Swagger UI and ReDoc as fastapi-offline ships them; only its files are used."""

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'"
)
"""The browser asks nobody else for anything: ReDoc would fetch its maker's logo."""

PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457; README lists the codes.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "pointer": {"type": "string", "description": "Where in the body, as #/member"},
                    "parameter": {"type": "string", "description": "The name of a query parameter or header"},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}


@component
class DocsConfigurer(FastApiConfigurer):
    def configure_app(self, app: FastAPI) -> None:
        app.openapi = lambda: document(app)  # type: ignore[method-assign] # FastAPI's own way to extend it
        pages = {"/openapi.json": openapi, "/docs": swagger_ui, "/redoc": redoc}
        for path, page in pages.items():
            app.add_api_route(path, page, include_in_schema=False)
        for asset in sorted(ASSETS.iterdir()):
            app.add_api_route(f"/docs/{asset.name}", asset_of(asset), include_in_schema=False)


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
        components = schema.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
        app.openapi_schema = schema
    return app.openapi_schema


@allow_anonymous
async def openapi(request: Request) -> Response:
    root_path = request.scope["root_path"]
    servers = {"servers": [{"url": root_path}]} if root_path else {}
    return JSONResponse(request.app.openapi() | servers)


@allow_anonymous
async def swagger_ui(request: Request) -> HTMLResponse:
    root = request.scope["root_path"]
    page = get_swagger_ui_html(
        openapi_url=f"{root}/openapi.json",
        title=request.app.title,
        swagger_js_url=f"{root}/docs/swagger-ui-bundle.js",
        swagger_css_url=f"{root}/docs/swagger-ui.css",
        swagger_favicon_url=f"{root}/docs/favicon.png",
        swagger_ui_parameters={"persistAuthorization": True, "validatorUrl": None},
    )
    return confined(page)


@allow_anonymous
async def redoc(request: Request) -> HTMLResponse:
    root = request.scope["root_path"]
    page = get_redoc_html(
        openapi_url=f"{root}/openapi.json",
        title=request.app.title,
        redoc_js_url=f"{root}/docs/redoc.standalone.js",
        redoc_favicon_url=f"{root}/docs/favicon.png",
        with_google_fonts=False,
    )
    return confined(page)


def confined(page: HTMLResponse) -> HTMLResponse:
    page.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return page


def asset_of(path: Path) -> Any:
    @allow_anonymous
    async def asset() -> FileResponse:
        return FileResponse(path, headers={"Cache-Control": "public, max-age=86400"})

    return asset
