"""The middleware is in the order of ``Layer``."""

from fastapi import FastAPI
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from myapp.platform.auth.middleware import AuthMiddleware
from myapp.platform.web.edge import QuietCors
from myapp.platform.web.limits import BodyLimitMiddleware
from myapp.platform.web.middleware import Layer
from myapp.platform.web.requests import FailureMiddleware, RequestMiddleware
from myapp.platform.web.scopes import ScopesOnDemand

from ...fixture_types import StartContainer

LAYERS = {
    Layer.REQUEST: RequestMiddleware,
    Layer.PROXIES: ProxyHeadersMiddleware,
    Layer.CORS: QuietCors,
    Layer.FAILURE: FailureMiddleware,
    Layer.AUTHENTICATION: AuthMiddleware,
    Layer.BODY_LIMIT: BodyLimitMiddleware,
}


def test_every_layer_has_its_place(start: StartContainer) -> None:
    settings = {"WEB__CORS_ORIGINS": '["https://shop.example.com"]', "WEB__TRUSTED_PROXIES": '["127.0.0.1"]'}
    app: FastAPI = start(settings).get(FastAPI)
    found = [middleware.cls for middleware in app.user_middleware]
    assert found == [*(LAYERS[layer] for layer in sorted(Layer, reverse=True)), ScopesOnDemand]
