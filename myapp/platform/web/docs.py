"""Swagger UI, ReDoc and the OpenAPI document. They are public. Only the login sends requests to another host."""

import html
import json
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_oauth2_redirect_html
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from pico_client_auth import allow_anonymous
from pico_fastapi import FastApiConfigurer
from pico_ioc import component
from starlette.types import Receive, Scope, Send

from .docs_login import DocsLogin, SwaggerLogin
from .openapi import document, servers, with_login

ASSETS = Path(fastapi_offline.__file__).parent / "static"
"""Swagger UI and ReDoc as fastapi-offline ships them; only its files are used."""

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'"
)
"""The pages request nothing from other hosts. ReDoc would fetch its maker's logo."""

REVALIDATED = {"Cache-Control": "no-cache"}

SWAGGER_UI = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="{root}/docs/swagger-ui.css">
<link rel="icon" href="{root}/docs/favicon.png">
<style>
.scope-def {{ display: none }}
/* Hide the client fields: a setting names the client. */
.auth-container .wrapper:has(> label[for="password_type"], > label[for^="client_"]) {{ display: none }}
</style>
</head>
<body>
<div id="swagger-ui"></div>
<script src="{root}/docs/swagger-ui-bundle.js"></script>
<script>
const login = () => ({{statePlugins: {{auth: {{wrapActions: {{
  // Swagger UI keeps a login in the browser's local storage, with the password. Only the token is kept here.
  authorizeOauth2: (original) => ({{auth: {{password, clientSecret, ...auth}}, token}}) => original({{auth, token}}),
  // Swagger UI focuses the last field of the dialog, which scrolls the login out of sight. Focus the first one.
  showDefinitions: (original) => (definitions) => {{
    setTimeout(() => document.querySelector(".auth-container input")?.focus());
    return original(definitions);
  }},
}}}}}}}});
const ui = SwaggerUIBundle({{
  ...{options},
  oauth2RedirectUrl: window.location.origin + {redirect},
  plugins: [login],
}});
ui.initOAuth({login});
</script>
</body>
</html>
"""
"""FastAPI's own page cannot load plugins."""


@component
class DocsConfigurer(FastApiConfigurer):
    def __init__(self, login: DocsLogin) -> None:
        self._login = login

    def configure_app(self, app: FastAPI) -> None:
        app.openapi = lambda: document(app, self._login.schemes)  # type: ignore[method-assign] # FastAPI's own way
        pages = {
            "/openapi.json": openapi,
            "/docs": self._swagger_ui(),
            "/docs/openapi.json": self._swagger_document(),
            "/docs/oauth2-redirect": oauth2_redirect,
            "/redoc": redoc,
        }
        for path, page in pages.items():
            app.add_api_route(path, page, include_in_schema=False)
        for asset in sorted(ASSETS.iterdir()):
            app.add_api_route(f"/docs/{asset.name}", asset_of(asset), include_in_schema=False)

    def _swagger_ui(self) -> Any:
        @allow_anonymous
        async def swagger_ui(request: Request) -> HTMLResponse:
            return swagger_page(request, await self._login.swagger(request.url.hostname))

        return swagger_ui

    def _swagger_document(self) -> Any:
        @allow_anonymous
        async def swagger_document(request: Request) -> Response:
            """Return the document with the login as the issuer describes it now. /openapi.json names the issuer."""
            login = await self._login.swagger(request.url.hostname)
            return with_server(request, with_login(request.app.openapi(), login.scheme if login else None))

        return swagger_document


@allow_anonymous
async def openapi(request: Request) -> Response:
    return with_server(request, request.app.openapi())


def with_server(request: Request, schema: dict[str, Any]) -> Response:
    """Return the document with the root path of the request, which ``uvicorn --root-path`` can set too."""
    return JSONResponse(schema | {"servers": servers(request.scope["root_path"])}, headers=REVALIDATED)


def swagger_page(request: Request, login: SwaggerLogin | None) -> HTMLResponse:
    root = request.scope["root_path"]
    options = {
        "url": f"{root}/docs/openapi.json",
        "dom_id": "#swagger-ui",
        "deepLinking": True,
        "persistAuthorization": True,
        "validatorUrl": None,
    }
    page = SWAGGER_UI.format(
        title=html.escape(request.app.title),
        root=html.escape(root),
        options=script_safe(options),
        redirect=script_safe(f"{root}/docs/oauth2-redirect"),
        login=script_safe(dict(login.options) if login else {}),
    )
    return confined(HTMLResponse(page), login.token_origin if login else "")


def script_safe(value: Any) -> str:
    return json.dumps(value).replace("<", "\\u003c")


@allow_anonymous
async def oauth2_redirect(request: Request) -> HTMLResponse:
    """Receive the browser from the issuer's login page, and pass the code on."""
    page = confined(get_swagger_ui_oauth2_redirect_html())
    page.headers["Cache-Control"] = "no-store"  # the code is in its address
    return page


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


def confined(page: HTMLResponse, token_origin: str = "") -> HTMLResponse:
    """Allow requests only to this service and to the origin of the token endpoint."""
    connect = f"; connect-src 'self' {token_origin}" if token_origin else ""
    page.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY + connect
    page.headers.update(REVALIDATED)
    return page


class Asset(FileResponse):
    """A file that is always sent whole: Starlette 1.10 answers a bad ``Range`` header in plain text."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__({**scope, "headers": []}, receive, send)


def asset_of(path: Path) -> Any:
    @allow_anonymous
    async def asset() -> FileResponse:
        return Asset(path, headers={"Cache-Control": "public, max-age=86400", "Accept-Ranges": "none"})

    return asset
