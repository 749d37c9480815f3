"""uvicorn benchmarks.peer.app:app"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import async_sessionmaker

from benchmarks.peer import products
from benchmarks.peer.auth import IssuerKeys
from benchmarks.peer.database import create_audit_trail, engine_for
from benchmarks.peer.problems import install_problems
from benchmarks.peer.request_log import RequestLog
from benchmarks.peer.settings import from_environment


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = from_environment()
    engine = engine_for(settings.database_url)
    await create_audit_trail(engine)
    app.state.settings = settings
    app.state.issuer_keys = IssuerKeys(settings.issuer)
    app.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
    yield
    await engine.dispose()


logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
logging.getLogger("httpx").setLevel(logging.WARNING)

app = FastAPI(title="Products API, plain FastAPI", lifespan=lifespan, max_body_size=2**20)
app.include_router(products.router)
app.add_middleware(RequestLog)
install_problems(app)


@app.get("/api/v1/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}
