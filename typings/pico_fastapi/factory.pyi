from typing import Any, ClassVar

from fastapi import FastAPI
from pico_ioc import PicoContainer

from .config import FastApiConfigurer, FastApiSettings

def register_controllers(app: FastAPI, container: PicoContainer) -> None: ...

class PicoLifespanConfigurer:
    _pico_meta: ClassVar[dict[str, Any]]
    def setup_fastapi(self, container: PicoContainer, app: FastAPI, configurers: list[FastApiConfigurer]) -> None: ...

class FastApiAppFactory:
    _pico_meta: ClassVar[dict[str, Any]]
    def create_fastapi_app(self, settings: FastApiSettings) -> FastAPI: ...
