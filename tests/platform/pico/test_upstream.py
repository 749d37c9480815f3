"""The defects of the pico packages for which we have a remedy. Each test shows one on the stock class.

A test fails as soon as the package fixes its defect. Its message names the remedy to delete.
"""
# ruff: noqa: PT012 - a transaction can raise at its end, so `pytest.raises` holds the whole block

import asyncio
import dataclasses
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import jwt
import pytest
from fastapi import FastAPI
from pico_client_auth import TokenClaims
from pico_client_auth.config import AuthClientSettings
from pico_client_auth.errors import TokenExpiredError
from pico_client_auth.jwks_client import JWKSClient
from pico_client_auth.revocation_cache import RevocationCache
from pico_client_auth.role_resolver import DefaultRoleResolver
from pico_client_auth.token_validator import TokenValidator
from pico_fastapi import FastApiSettings
from pico_ioc import EnvSource, PicoContainer, component, configuration, init
from pico_ioc.config_sources import DictSource
from pico_sqlalchemy import PageRequest, SessionManager, query, repository
from pico_sqlalchemy.config import DatabaseSettings
from pico_sqlalchemy.migrations import AlembicMigrator
from pico_sqlalchemy.repository_interceptor import RepositoryQueryInterceptor
from sqlalchemy import RowMapping, event, text
from starlette.middleware.base import BaseHTTPMiddleware

from myapp.boot import ROOT
from myapp.platform.auth.published import PUBLIC_KEY_ALGORITHMS
from myapp.products.models import Product

from ...conftest import client_of
from ...databases import Databases, in_thread
from ...issuer import AUDIENCE, KEYS, Issuer
from ...stock import Resource


@contextmanager
def still_raises(error: type[Exception], message: str) -> Iterator[None]:
    try:
        yield
    except error:
        return
    pytest.fail(message)


def message_if_fixed(package: str, remedy: str) -> str:
    return f"{package} has fixed this: delete {remedy}"


async def run_in_own_task(work: Awaitable[None]) -> None:
    """Run ``work`` in a task of its own, so that the stock session manager cannot change this task's context."""
    await asyncio.ensure_future(work)


class TestSessionManager:
    """myapp/platform/database/sessions.py"""

    FIXED = message_if_fixed("pico-sqlalchemy", "TransactionalSessionManager.transaction")

    @pytest.fixture
    async def stock(self, databases: Databases) -> AsyncIterator[SessionManager]:
        manager = SessionManager(databases.migrated("sqlite"), pool_pre_ping=False)
        yield manager
        await asyncio.sleep(0.05)  # lets the finalizers of abandoned generators run
        await manager.engine.dispose()

    async def rows(self, manager: SessionManager) -> int:
        async with manager.engine.connect() as connection:
            return int(await connection.scalar(text("SELECT count(*) FROM products")) or 0)

    @pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
    async def test_an_error_poisons_the_task(self, stock: SessionManager) -> None:
        async def work() -> None:
            with pytest.raises(ValueError, match="no"):
                async with stock.transaction() as session:
                    await session.execute(text("SELECT 1"))
                    raise ValueError("no")
            assert stock.get_current_session() is not None, self.FIXED
            assert stock.engine.pool.checkedout() == 1, self.FIXED
            async with stock.transaction() as session:
                session.add(Product(name="Lamp", price=1, stock=0))

        await run_in_own_task(work())
        assert await self.rows(stock) == 0, self.FIXED

    async def test_no_rollback_for_commits_nothing(self, stock: SessionManager) -> None:
        async def work() -> None:
            with pytest.raises(ValueError, match="no"):
                async with stock.transaction(no_rollback_for=(ValueError,)) as session:
                    session.add(Product(name="Lamp", price=1, stock=0))
                    await session.flush()
                    raise ValueError("no")

        await run_in_own_task(work())
        await asyncio.sleep(0.05)
        assert await self.rows(stock) == 0, self.FIXED

    async def test_read_only_takes_writes_and_drops_them(self, stock: SessionManager) -> None:
        async with stock.transaction(read_only=True) as session:
            session.add(Product(name="Lamp", price=1, stock=0))
            await session.flush()  # fixed if this is refused
        assert await self.rows(stock) == 0

    def test_the_engine_cannot_be_given_options(self) -> None:
        parameters = set(inspect.signature(SessionManager).parameters)
        known = {"url", "echo", "pool_size", "pool_pre_ping", "pool_recycle"}
        assert parameters == known, message_if_fixed(
            "pico-sqlalchemy", "the fields of EngineSettings that SessionManager now has"
        )
        assert known < {field.name for field in dataclasses.fields(DatabaseSettings)}

    async def test_the_engine_is_not_disposed(self, databases: Databases) -> None:
        url = databases.migrated("sqlite")
        container = init(modules=["pico_sqlalchemy"], config=configuration(DictSource({"database": {"url": url}})))
        manager = container.get(SessionManager)
        await self.rows(manager)
        await container.ashutdown()
        assert manager.engine.pool.checkedin() == 1, message_if_fixed("pico-sqlalchemy", "EngineDisposal")
        await manager.engine.dispose()


class TestQueries:
    """myapp/platform/database/queries.py"""

    FIXED = message_if_fixed("pico-sqlalchemy", "EntityQueryInterceptor")

    @repository(entity=Product)
    class Stock:
        @query(expr="name = :name", unique=True)
        async def named(self, name: str) -> Any: ...

        @query(expr="1 = 1", paged=True)
        async def page(self, page: PageRequest) -> Any: ...

    async def ask(self, url: str, method: str, **arguments: Any) -> tuple[Any, list[str]]:
        """Return the result of a query, and the statements that it sent."""
        manager = SessionManager(url, pool_pre_ping=False)
        sent: list[str] = []
        async with manager.transaction() as session:
            session.add(Product(name="Lamp", price=1, stock=0))
            await session.flush()
            event.listen(manager.engine.sync_engine, "before_cursor_execute", lambda *seen: sent.append(seen[2]))
            call: Any = SimpleNamespace(cls=self.Stock, name=method, args=(), kwargs=arguments)
            found = await RepositoryQueryInterceptor(manager).invoke(call, lambda _: None)
        await manager.engine.dispose()
        return found, sent

    async def test_they_answer_with_rows_of_raw_values(self, databases: Databases) -> None:
        found, _ = await self.ask(databases.migrated("sqlite"), "named", name="Lamp")
        assert isinstance(found, RowMapping), self.FIXED
        assert isinstance(found["created_at"], str), self.FIXED

    async def test_pages_have_no_order(self, databases: Databases) -> None:
        _, sent = await self.ask(databases.migrated("sqlite"), "page", page=PageRequest(0, 1))
        assert "ORDER BY" not in sent[-1], self.FIXED


class TestMigrator:
    """myapp/platform/database/migrations.py"""

    def test_it_cannot_read_a_per_cent_sign(self, tmp_path: Path) -> None:
        settings = DatabaseSettings(
            url=f"sqlite+aiosqlite:///{tmp_path}/100%25.db", migrations_path=str(ROOT / "migrations")
        )
        with still_raises(
            ValueError, message_if_fixed("pico-sqlalchemy", "LockedMigrator, once it takes a lock as well")
        ):
            in_thread(lambda: AlembicMigrator(settings).configure_database(None))


@pytest.fixture
def settings(own_issuer: Issuer) -> AuthClientSettings:
    return AuthClientSettings(issuer=own_issuer.url, audience=AUDIENCE, jwks_endpoint=own_issuer.url + KEYS)


class TestKeys:
    """myapp/platform/auth/keys.py"""

    FIXED = message_if_fixed("pico-client-auth", "IssuerKeys")

    async def test_every_unknown_key_is_a_fetch(self, own_issuer: Issuer, settings: AuthClientSettings) -> None:
        client = JWKSClient(settings)
        for _ in range(5):
            with pytest.raises(KeyError):
                await client.get_key("unknown")
        assert len(own_issuer.requests) >= 5, self.FIXED

    async def test_callers_at_once_do_not_share_a_fetch(self, own_issuer: Issuer, settings: AuthClientSettings) -> None:
        client = JWKSClient(settings)
        [kid] = own_issuer.keys
        await asyncio.gather(*(client.get_key(kid) for _ in range(5)))
        assert len(own_issuer.requests) == 5, self.FIXED

    async def test_good_keys_are_of_no_use_while_the_issuer_fails(
        self, own_issuer: Issuer, settings: AuthClientSettings
    ) -> None:
        client = JWKSClient(dataclasses.replace(settings, jwks_ttl_seconds=0))
        [kid] = own_issuer.keys
        await client.get_key(kid)
        own_issuer.status, own_issuer.body = 500, b""
        with still_raises(httpx.HTTPStatusError, self.FIXED):
            await client.get_key(kid)

    def test_there_is_no_discovery(self, own_issuer: Issuer) -> None:
        guess = JWKSClient(AuthClientSettings(issuer=own_issuer.url))._endpoint
        assert guess == f"{own_issuer.url}/api/v1/auth/jwks", message_if_fixed(
            "pico-client-auth", "IssuerKeys._discover"
        )


class TestRevocations:
    """myapp/platform/auth/revocations.py"""

    FIXED = message_if_fixed("pico-client-auth", "RevokedTokens")

    async def test_plain_http_goes_to_a_proxy(
        self, own_issuer: Issuer, settings: AuthClientSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", own_issuer.url)
        endpoint = "http://127.0.0.1:9/revoked"
        own_issuer.body = b'{"items": [{"jti": "stolen"}]}'
        cache = RevocationCache(dataclasses.replace(settings, revocation_endpoint=endpoint))
        assert await cache.is_revoked("stolen"), self.FIXED
        assert own_issuer.requests == [endpoint]

    async def test_an_answer_of_another_form_is_fetched_for_each_token(
        self, own_issuer: Issuer, settings: AuthClientSettings
    ) -> None:
        own_issuer.body = b"[]"
        cache = RevocationCache(dataclasses.replace(settings, revocation_endpoint=own_issuer.url))
        for _ in range(3):
            with still_raises(AttributeError, self.FIXED):
                await cache.is_revoked("any")
        assert len(own_issuer.requests) == 3, self.FIXED


class TestTokens:
    """myapp/platform/auth/tokens.py"""

    FIXED = message_if_fixed("pico-client-auth", "AccessTokenValidator")

    @pytest.fixture
    def stock(self, settings: AuthClientSettings) -> TokenValidator:
        return TokenValidator(settings, JWKSClient(settings), RevocationCache(settings))

    @pytest.mark.parametrize("groups", [None, 7, True])
    async def test_malformed_claims_are_an_unexpected_error(
        self, stock: TokenValidator, own_issuer: Issuer, groups: object
    ) -> None:
        with still_raises(TypeError, self.FIXED):
            await stock.validate(own_issuer.token("viewer", groups=groups))

    async def test_a_text_becomes_groups_of_its_letters(self, stock: TokenValidator, own_issuer: Issuer) -> None:
        claims, _ = await stock.validate(own_issuer.token("viewer", groups="ab"))
        assert claims.groups == ("a", "b"), self.FIXED

    async def test_malformed_headers_are_an_unexpected_error(self, stock: TokenValidator, own_issuer: Issuer) -> None:
        three = own_issuer.token("viewer").split(".")
        with still_raises(AttributeError, self.FIXED):
            await stock.validate(f"WzFd.{three[1]}.{three[2]}")  # the header is [1]

    async def test_there_is_no_leeway(self, stock: TokenValidator, own_issuer: Issuer) -> None:
        with still_raises(TokenExpiredError, self.FIXED):
            await stock.validate(own_issuer.token("viewer", exp=int(time.time()) - 5))

    async def test_any_kind_of_token_will_do(self, stock: TokenValidator, own_issuer: Issuer) -> None:
        await stock.validate(own_issuer.token("viewer", headers={"typ": "refresh+jwt"}))
        claims, _ = await stock.validate(own_issuer.token("viewer", without=("sub",)))
        assert claims.sub == "", self.FIXED


class TestAlgorithms:
    """myapp/platform/auth/published.py"""

    def test_the_names_of_rfc_9864_are_unknown(self) -> None:
        known = set(jwt.algorithms.get_default_algorithms())
        assert PUBLIC_KEY_ALGORITHMS - known == {"Ed25519", "Ed448"}, message_if_fixed("PyJWT", "its registration")

    def test_a_key_without_alg_has_one_algorithm(self, own_issuer: Issuer) -> None:
        [jwk] = own_issuer.published
        assert jwt.PyJWK(jwk | {"alg": None}).algorithm_name == "RS256", message_if_fixed("PyJWT", "read_key")


class TestRoles:
    """myapp/platform/auth/authorities.py"""

    async def test_only_one_role_of_one_claim_counts(self) -> None:
        claims = TokenClaims(sub="a", email="", role="viewer", org_id="", jti="")
        roles = await DefaultRoleResolver().resolve(claims, {"role": "viewer", "roles": ["admin"]})
        assert roles == ["viewer"], message_if_fixed("pico-client-auth", "AuthorityResolver's reading of roles")


@pytest.fixture(scope="module")
async def stock_container(issuer: Issuer) -> AsyncIterator[PicoContainer]:
    auth = {"issuer": issuer.url, "audience": AUDIENCE, "jwks_endpoint": issuer.url + KEYS}
    container = init(
        modules=["pico_fastapi", "pico_client_auth", "tests.stock"],
        config=configuration(DictSource({"auth_client": auth, "fastapi": {"title": "Stock"}})),
    )
    yield container
    container.shutdown()


@pytest.fixture(scope="module")
async def stock_app(stock_container: PicoContainer) -> FastAPI:
    made: FastAPI = stock_container.get(FastAPI)
    return made


class TestMiddleware:
    """myapp/platform/auth/middleware.py"""

    FIXED = message_if_fixed("pico-client-auth", "AsgiAuthConfigurer")

    def test_it_is_a_base_http_middleware(self, stock_app: FastAPI) -> None:
        assert BaseHTTPMiddleware in [item.cls for item in stock_app.user_middleware], self.FIXED

    async def test_the_scheme_must_be_written_in_one_way(self, stock_app: FastAPI, issuer: Issuer) -> None:
        async with client_of(stock_app) as client:
            for scheme, status in (("Bearer", 200), ("bearer", 401)):
                headers = {"Authorization": f"{scheme} {issuer.token('viewer')}"}
                assert (await client.get("/stock/caller", headers=headers)).status_code == status, self.FIXED

    async def test_a_refusal_has_no_challenge(self, stock_app: FastAPI) -> None:
        async with client_of(stock_app) as client:
            assert "www-authenticate" not in (await client.get("/stock/caller")).headers, self.FIXED

    async def test_a_refusal_in_a_service_is_401(self, stock_app: FastAPI, issuer: Issuer) -> None:
        async with client_of(stock_app, issuer.token("viewer")) as client:
            assert (await client.get("/stock/service")).status_code == 401, self.FIXED


class TestRouting:
    """myapp/platform/web/routing.py"""

    FIXED = message_if_fixed("pico-fastapi", "the serialisation of `Verb` in myapp/platform/web/routing.py")

    async def test_response_model_hides_nothing(self, stock_app: FastAPI) -> None:
        async with client_of(stock_app) as client:
            assert "secret" in (await client.get("/stock/model")).json(), self.FIXED

    @pytest.mark.parametrize("path", ["/stock/list", "/stock/decimal"])
    async def test_lists_of_models_and_decimals_fail(self, stock_app: FastAPI, path: str) -> None:
        async with client_of(stock_app) as client:
            assert (await client.get(path)).status_code == 500, self.FIXED

    def test_summary_and_docstring_are_lost(self, stock_app: FastAPI) -> None:
        operation = stock_app.openapi()["paths"]["/stock/model"]["get"]
        assert "description" not in operation, self.FIXED
        assert operation["summary"] == "Http Route Handler", self.FIXED

    def test_routes_are_in_the_order_of_their_methods_names(self, stock_app: FastAPI) -> None:
        paths = [path for path in stock_app.openapi()["paths"] if path.startswith("/stock")]
        assert paths == sorted(paths), message_if_fixed(
            "pico-fastapi", "the remark on shadowed routes in myapp/platform/web/routing.py"
        )

    def test_fastapi_can_be_given_four_arguments(self) -> None:
        known = {field.name for field in dataclasses.fields(FastApiSettings)}
        assert known == {"title", "version", "debug", "telemetry"}, message_if_fixed("pico-fastapi", "AppFactory")


class TestLifespan:
    """myapp/platform/web/app.py"""

    async def test_each_cleanup_runs_twice(self, issuer: Issuer) -> None:
        auth = {"issuer": issuer.url, "audience": AUDIENCE}
        container = init(
            modules=["pico_fastapi", "pico_client_auth", "tests.stock"],
            config=configuration(DictSource({"auth_client": auth, "fastapi": {}})),
        )
        app = container.get(FastAPI)
        before = Resource.closed
        async with app.router.lifespan_context(app):
            pass
        assert Resource.closed - before == 2, message_if_fixed(
            "pico-fastapi", "the lifespan in myapp/platform/web/app.py"
        )


class TestConfiguration:
    """myapp/platform/config.py"""

    FIXED = message_if_fixed("pico-ioc", "SettingsSource")

    @pytest.fixture
    def environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FASTAPI__TITLE", "of the environment")

    def settings(self, *sources: Any, of: type = FastApiSettings) -> Any:
        container = init(modules=["pico_fastapi.config", "pico_client_auth.config"], config=configuration(*sources))
        made = container.get(of)
        container.shutdown()
        return made

    @pytest.mark.usefixtures("environment")
    def test_the_environment_does_not_reach_a_tree_of_settings(self) -> None:
        tree = {"fastapi": {"title": "of the file"}, "auth_client": {}}
        for sources in ((EnvSource(), DictSource(tree)), (DictSource(tree), EnvSource())):
            assert self.settings(*sources).title == "of the file", self.FIXED

    def test_tuples_and_texts_are_not_checked(self) -> None:
        tree = {"auth_client": {"accepted_algorithms": "RS256", "issuer": 7}, "fastapi": {}}
        settings = self.settings(DictSource(tree), of=AuthClientSettings)
        assert settings.accepted_algorithms == "RS256", self.FIXED


class TestComponents:
    """myapp/platform/pico/replacing.py"""

    def test_a_decorated_subclass_writes_into_its_base(self) -> None:
        @component
        class Base: ...

        @component(scope="prototype")
        class Derived(Base): ...

        assert Base._pico_meta is Derived._pico_meta, message_if_fixed("pico-ioc", "`_pico_meta` in `replaces`")  # type: ignore[attr-defined]
