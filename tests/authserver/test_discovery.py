"""The public endpoints: keys, discovery document, health, documentation."""

from importlib.metadata import version

import httpx
import pytest
from openapi_spec_validator import validate

from .conftest import StartAuthServer, client_of

DISCOVERY = "/.well-known/openid-configuration"


@pytest.mark.one_database
class TestKeys:
    async def test_they_may_be_cached_for_a_short_time(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/jwks.json")
        assert response.status_code == 200
        assert response.headers["cache-control"] == "public, max-age=10"
        assert [key["alg"] for key in response.json()["keys"]] == ["RS256"]


@pytest.mark.one_database
class TestDiscovery:
    @pytest.mark.parametrize("url", ["https://login.example.com/auth", "http://127.0.0.1:9000/"])
    async def test_urls_come_from_the_issuer(self, start: StartAuthServer, url: str) -> None:
        async with client_of(start({"AUTHSERVER__ISSUER__URL": url})) as client:
            document = (await client.get(DISCOVERY)).json()
        base = url.rstrip("/")
        assert document["issuer"] == url
        assert document["jwks_uri"] == f"{base}/jwks.json"
        assert document["token_endpoint"] == f"{base}/token"

    async def test_it_names_only_what_exists(self, client: httpx.AsyncClient) -> None:
        document = (await client.get(DISCOVERY)).json()
        endpoints = {name for name in document if name.endswith(("_endpoint", "_uri"))}
        assert endpoints == {"jwks_uri", "token_endpoint"}
        assert (await client.get(httpx.URL(document["jwks_uri"]).path)).status_code == 200
        assert (await client.post(httpx.URL(document["token_endpoint"]).path, json={})).status_code == 400
        assert document["id_token_signing_alg_values_supported"] == ["RS256"]
        assert document["response_types_supported"] == []
        assert document["grant_types_supported"] == ["password"]
        assert document["token_endpoint_auth_methods_supported"] == ["none"]


@pytest.mark.one_database
class TestPages:
    async def test_health(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/health")
        assert (response.status_code, response.json()) == (200, {"status": "ok"})

    async def test_an_unknown_path_is_a_problem(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/nope")
        assert (response.status_code, response.json()["code"]) == (404, "route_not_found")

    async def test_the_documentation_is_valid_and_complete(self, client: httpx.AsyncClient) -> None:
        document = (await client.get("/openapi.json")).json()
        validate(document)
        assert document["info"]["version"] == version("products-api")
        assert set(document["paths"]) == {"/login", "/token", "/jwks.json", DISCOVERY, "/health"}
        login = document["paths"]["/login"]["post"]
        assert set(login["responses"]) == {"200", "400", "401", "413", "415", "422", "429", "500", "503"}
        assert login["security"] == []
        token = document["paths"]["/token"]["post"]
        assert set(token["responses"]) == {"200", "400", "413", "415", "422", "429", "500", "503"}
        assert list(token["requestBody"]["content"]) == ["application/x-www-form-urlencoded"]
        assert (await client.get("/docs")).status_code == 200
