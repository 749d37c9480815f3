"""The OpenAPI document is valid and complete, and every answer conforms to it."""

import inspect
import os
import re
import subprocess
import sys
from importlib.metadata import version
from json import dumps
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from myapp.boot import ROOT
from myapp.platform.web.problems import CATALOGUE, MEDIA_TYPE
from myapp.platform.web.server_events import EVENT_STREAM, LAST_EVENT_ID
from myapp.products import controllers as products
from myapp.reports import controllers as reports
from myapp.reports.files import MEDIA_TYPES
from myapp.users import controllers as users

from ..conftest import client_of
from ..databases import gate_on_postgresql
from ..fixture_types import Create, SeeUser
from ..issuer import Issuer
from .conftest import path_for, send
from .test_access import ANY_TOKEN, PUBLIC, RULES, names

Operations = dict[tuple[str, str], dict[str, Any]]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]

COMPLETE = {
    "/api/v1/me",
    "/api/v1/users/",
    "/api/v1/users/{user_id}",
    "/api/v1/products/",
    "/api/v1/products/paged",
    "/api/v1/products/scroll",
    "/api/v1/products/search",
    "/api/v1/products/{product_id}",
    "/api/v1/products/by-sku/{sku}",
    "/api/v1/products/{product_id}/deactivate",
    "/api/v1/products/{product_id}/history",
    "/api/v1/analytics/daily",
    "/api/v1/events/",
}
"""Paths of which the test gets every declared answer. Of the others, it checks only the answers that it gets."""

BODIES: dict[str, dict[str, Any]] = {
    "/api/v1/me": {"name": "Ann"},
    "/api/v1/users/{user_id}": {"is_active": False},
    "/api/v1/products/bulk": {"on_error": "skip", "items": [{"op": "create", "product": {"name": "Lamp"}}]},
}

NAMES = {
    "create_product": ("POST", "/api/v1/products/"),
    "list_products": ("GET", "/api/v1/products/"),
    "list_paged": ("GET", "/api/v1/products/paged"),
    "search_products": ("GET", "/api/v1/products/search"),
    "get_product": ("GET", "/api/v1/products/{product_id}"),
    "get_product_by_sku": ("GET", "/api/v1/products/by-sku/{sku}"),
    "change_products": ("POST", "/api/v1/products/bulk"),
    "update_product": ("PUT", "/api/v1/products/{product_id}"),
    "patch_product": ("PATCH", "/api/v1/products/{product_id}"),
    "delete_product": ("DELETE", "/api/v1/products/{product_id}"),
    "deactivate_product": ("PATCH", "/api/v1/products/{product_id}/deactivate"),
    "adjust_stocks": ("POST", "/api/v1/stock-adjustments/"),
    "product_history": ("GET", "/api/v1/products/{product_id}/history"),
    "request_report": ("POST", "/api/v1/reports/"),
    "list_reports": ("GET", "/api/v1/reports/"),
    "get_report": ("GET", "/api/v1/reports/{report_id}"),
    "get_report_file": ("GET", "/api/v1/reports/{report_id}/file"),
    "download_report": ("GET", "/api/v1/reports/{report_id}/download"),
    "cancel_report": ("POST", "/api/v1/reports/{report_id}/cancel"),
    "get_own_profile": ("GET", "/api/v1/me"),
    "update_own_profile": ("PATCH", "/api/v1/me"),
    "list_users": ("GET", "/api/v1/users/"),
    "get_user": ("GET", "/api/v1/users/{user_id}"),
    "update_user": ("PATCH", "/api/v1/users/{user_id}"),
    "delete_user": ("DELETE", "/api/v1/users/{user_id}"),
    "list_deliveries": ("GET", "/api/v1/admin/events/"),
    "redeliver_event": ("POST", "/api/v1/admin/events/{event_id}/redeliver"),
    "daily_counts": ("GET", "/api/v1/analytics/daily"),
    "health": ("GET", "/api/v1/health"),
    "ready": ("GET", "/api/v1/health/ready"),
}
"""The names of operations. Generated clients call them, so none may change."""

UNDOCUMENTED = {path for _, path in RULES if not path.startswith("/api/")}


def codes(operation: dict[str, Any], status: int) -> set[str]:
    """Return the problem codes that an operation declares."""
    entry = operation["responses"].get(str(status), {})
    return (
        set(re.findall(r"`(\w+)`", entry.get("description", ""))) if MEDIA_TYPE in entry.get("content", {}) else set()
    )


def examples(media_type: dict[str, Any], openapi: dict[str, Any]) -> list[Any]:
    """Return the examples of a body."""
    named = [entry["$ref"].rpartition("/")[2] for entry in media_type.get("examples", {}).values()]
    found = [openapi["components"]["examples"][name]["value"] for name in named]
    return [*found, media_type["example"]] if "example" in media_type else found


@pytest.mark.one_database
class TestDocument:
    def test_is_valid(self, openapi: dict[str, Any]) -> None:
        validate(openapi)

    async def test_is_served_unchanged(self, anonymous: httpx.AsyncClient, openapi: dict[str, Any]) -> None:
        response = await anonymous.get("/openapi.json")
        assert response.headers["content-type"] == "application/json"
        assert response.json() == openapi

    def test_has_the_version_of_the_package(self, openapi: dict[str, Any]) -> None:
        assert openapi["info"]["version"] == version("products-api")

    def test_has_every_operation(self, operations: Operations) -> None:
        assert set(operations) == {route for route in RULES if route[1] not in UNDOCUMENTED}

    def test_has_no_dangling_reference_and_no_unused_schema(self, openapi: dict[str, Any]) -> None:
        used = set(re.findall(r"#/components/schemas/(\w+)", str(openapi)))
        assert used == set(openapi["components"]["schemas"])

    def test_names_each_operation_once_and_says_what_it_does(
        self, operations: Operations, subtests: pytest.Subtests
    ) -> None:
        names = [operation["operationId"] for operation in operations.values()]
        assert len(names) == len(set(names))
        for operation in operations.values():
            with subtests.test(operation["operationId"]):
                assert operation["summary"]
                assert operation["description"]
                assert operation["tags"]

    def test_keeps_the_names_that_generated_clients_use(self, operations: Operations) -> None:
        named = {operation["operationId"]: route for route, operation in operations.items()}
        assert named.items() >= NAMES.items()

    def test_names_its_server(self, openapi: dict[str, Any]) -> None:
        assert openapi["servers"] == [{"url": "/"}]

    def test_offers_files_as_bytes_in_every_format(self, openapi: dict[str, Any], operations: Operations) -> None:
        formats = openapi["components"]["schemas"]["ReportOrder"]["properties"]["format"]["enum"]
        for path in ("file", "download"):
            content = operations["GET", f"/api/v1/reports/{{report_id}}/{path}"]["responses"]["200"]["content"]
            assert next(iter(content)) == "application/octet-stream"
            assert set(content) == {"application/octet-stream", *(MEDIA_TYPES[each].split(";")[0] for each in formats)}
            assert {entry["schema"]["format"] for entry in content.values()} == {"binary"}

    def test_introduces_the_service(self, openapi: dict[str, Any]) -> None:
        assert "**Get a token.**" in openapi["info"]["description"]

    def test_has_a_sentence_for_each_group_and_their_order(self, openapi: dict[str, Any]) -> None:
        names = ["Products", "Reports", "Webhooks", "Users", "Events", "Analytics", "Health"]
        assert [tag["name"] for tag in openapi["tags"]] == names
        assert all(tag["description"].endswith(".") for tag in openapi["tags"])
        used = [operation["tags"] for item in openapi["paths"].values() for operation in item.values()]
        assert list(dict.fromkeys(name for tags in used for name in tags)) == names

    def test_has_operations_in_the_order_of_their_controller(self, openapi: dict[str, Any]) -> None:
        """Operations of one path are together, at the place of the first one."""
        for controllers in (products, reports, users):
            source = inspect.getsource(controllers)
            names = [operation["operationId"] for item in openapi["paths"].values() for operation in item.values()]
            group = [name for name in names if f"async def {name}(" in source]
            paths = [
                [operation["operationId"] for operation in item.values()]
                for item in openapi["paths"].values()
                if next(iter(item.values()))["operationId"] in group
            ]
            lines = [[source.index(f"async def {name}(") for name in item] for item in paths]
            assert lines == sorted(lines)
            assert all(item == sorted(item) for item in lines)
            assert len(paths) > 2

    @pytest.mark.slow  # it starts processes
    def test_is_the_same_in_each_process(self, database_url: str) -> None:
        program = "from main import app; import json; print(json.dumps(app.openapi()))"
        documents = {
            subprocess.run(
                [sys.executable, "-c", program],
                cwd=ROOT,
                env=os.environ | {"DATABASE__URL": database_url, "PYTHONHASHSEED": seed},
                capture_output=True,
                check=True,
            ).stdout
            for seed in ("1", "2")
        }
        assert len(documents) == 1


@pytest.mark.one_database
class TestOperations:
    def test_declare_their_security_and_permission(
        self, operations: Operations, openapi: dict[str, Any], subtests: pytest.Subtests
    ) -> None:
        assert openapi["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
        for route, operation in operations.items():
            with subtests.test(" ".join(route)):
                rule = RULES[route]
                scopes = [[]] if rule == ANY_TOKEN else [[permission] for permission in names(rule)]
                bearers = [{"bearer": scope} for scope in scopes]
                assert operation["security"] == ([] if rule == PUBLIC else [*bearers, {"login": []}])
                needed = f"Needs `{'` or `'.join(names(rule))}`."
                needs = {PUBLIC: "Open to everybody.", ANY_TOKEN: "Needs a valid token."}.get(rule, needed)
                assert operation["description"].endswith(needs)

    def test_declare_their_problems(self, operations: Operations, subtests: pytest.Subtests) -> None:
        known = {kind.code: kind.status for kind in CATALOGUE}
        for (method, path), operation in operations.items():
            with subtests.test(f"{method} {path}"):
                declared = {code for status in operation["responses"] for code in codes(operation, int(status))}
                assert {"validation_failed", "internal_error"} <= declared
                if RULES[method, path] != PUBLIC:
                    assert {"missing_token", "invalid_token", "user_inactive"} <= declared
                    assert {"issuer_unavailable", "database_unavailable"} <= declared
                if RULES[method, path] not in (PUBLIC, ANY_TOKEN) or "include_inactive" in str(operation):
                    assert "insufficient_scope" in declared
                if "{" in path:
                    assert "not_found" in declared
                    assert method in ("GET", "POST") or "precondition_failed" in declared
                if "requestBody" in operation:
                    assert {
                        "malformed_body",
                        "unsupported_media_type",
                        "unsupported_encoding",
                        "body_too_large",
                    } <= declared
                for status in operation["responses"]:
                    for code in codes(operation, int(status)):
                        assert known[code] == int(status)

    def test_have_valid_examples_of_every_body(
        self, operations: Operations, openapi: dict[str, Any], subtests: pytest.Subtests
    ) -> None:
        for route, operation in operations.items():
            for name, body in {"request": operation.get("requestBody", {}), **operation["responses"]}.items():
                for media_type, entry in body.get("content", {}).items():
                    if entry["schema"].get("format") == "binary":
                        continue  # the content of a file
                    with subtests.test(f"{' '.join(route)} {name} {media_type}"):
                        found = examples(entry, openapi)
                        assert found
                        schema = entry["schema"] | {"components": openapi["components"]}
                        validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
                        for example in found:
                            validator.validate(example)
                        if media_type == MEDIA_TYPE:
                            assert {example["code"] for example in found} == codes(operation, int(name))
                            assert {example["status"] for example in found} == {int(name)}

    async def test_accept_the_examples_of_their_requests(
        self,
        app: FastAPI,
        openapi: dict[str, Any],
        operations: Operations,
        issuer: Issuer,
        create: Create,
        see: SeeUser,
        subtests: pytest.Subtests,
    ) -> None:
        async with client_of(app, issuer.token(roles=["admin", "product-manager"])) as client:
            for (method, path), operation in operations.items():
                for media_type, entry in operation.get("requestBody", {}).get("content", {}).items():
                    for example in examples(entry, openapi):
                        with subtests.test(f"{method} {path} {media_type}"):
                            own = path_for(path, product_id=(await create())["id"], user_id=(await see()).id)
                            headers = {"Content-Type": media_type, "Idempotency-Key": uuid4().hex}
                            response = await client.request(method, own, content=dumps(example), headers=headers)
                            # An example may name a resource, version or stock that is another one here.
                            allowed = {"not_found", "batch_rejected", "precondition_failed"}
                            assert response.is_success or response.json()["code"] in allowed, response.text

    def test_declare_the_bounds_of_their_parameters(self, operations: Operations) -> None:
        bounds = {
            (path, parameter["name"]): (parameter["schema"].get("minimum"), parameter["schema"].get("maximum"))
            for (_, path), operation in operations.items()
            for parameter in operation.get("parameters", ())
            if parameter["in"] == "query" and parameter["schema"].get("type") == "integer"
        }
        assert {name for name, limits in bounds.items() if None in limits} == set()
        assert bounds["/api/v1/products/paged", "page"] == (1, 1_000_000)
        assert bounds["/api/v1/products/paged", "page_size"] == (1, 100)
        assert bounds["/api/v1/products/search", "limit"] == (1, 100)
        assert bounds["/api/v1/products/scroll", "limit"] == (1, 200)

    def test_declare_idempotency_keys(self, operations: Operations, subtests: pytest.Subtests) -> None:
        """Every write that has a caller takes one, and no read does."""
        for (method, path), operation in operations.items():
            with subtests.test(f"{method} {path}"):
                is_write = method != "GET" and RULES[method, path] != PUBLIC
                names = [parameter["name"] for parameter in operation.get("parameters", ())]
                assert names.count("Idempotency-Key") == is_write
                declared = {status: "idempotency" in str(codes(operation, status)) for status in (400, 409, 422)}
                assert declared == dict.fromkeys((400, 409, 422), is_write)

    def test_declare_entity_tags_and_preconditions(self, operations: Operations, subtests: pytest.Subtests) -> None:
        for (method, path), operation in operations.items():
            with subtests.test(f"{method} {path}"):
                headers = {
                    parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "header"
                } - {LAST_EVENT_ID["name"]}
                success = next(entry for status, entry in operation["responses"].items() if status.startswith("2"))
                is_versioned_read = method == "GET" and "ETag" in success.get("headers", {})
                assert ("304" in operation["responses"]) == is_versioned_read
                if method == "GET":
                    assert headers == ({"If-None-Match"} if is_versioned_read else set())
                else:
                    assert headers - {"Idempotency-Key"} == (set() if method == "POST" else {"If-Match"})
        for operation in operations.values():
            with subtests.test(operation["operationId"]):
                for status, response in operation["responses"].items():
                    schema = str(response.get("content", {}).get("application/json", {}))
                    one = "schemas/ProductResponse" in schema and "array" not in schema
                    assert "ETag" in response.get("headers", {}) or not (one or status == "304")
                    assert ("Location" in response.get("headers", {})) == (status in ("201", "202"))


class Recorder:
    """Check that every answer of a client conforms to the document."""

    def __init__(self, openapi: dict[str, Any]) -> None:
        self.openapi = openapi
        self.seen: set[tuple[str, str, int]] = set()

    def template(self, path: str) -> str:
        if path in self.openapi["paths"]:
            return path
        return next(each for each in self.openapi["paths"] if re.fullmatch(re.sub(r"{\w+}", "[^/]+", each), path))

    async def check(self, response: httpx.Response) -> None:
        await response.aread()
        method, path = response.request.method, response.request.url.path
        template = self.template(path)
        operation = self.openapi["paths"][template][method.lower()]
        declared = operation["responses"].get(str(response.status_code))
        assert declared is not None, f"{method} {template} answers {response.status_code}: {response.text[:300]}"
        self.seen.add((method, template, response.status_code))
        content = declared.get("content", {})
        assert bool(content) == bool(response.content), (method, template, response.status_code)
        if content:
            media_type = response.headers["content-type"].partition(";")[0]
            assert set(content) == {media_type} | ({EVENT_STREAM} & set(content))
            schema = content[media_type]["schema"] | {"components": self.openapi["components"]}
            Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(response.json())
            if media_type == MEDIA_TYPE:
                assert response.json()["code"] in codes(operation, response.status_code), response.json()
        for name in declared.get("headers", {}):
            assert name in response.headers


_operations: dict[tuple[str, str], Any] = {}


def operation_of(openapi: dict[str, Any], route: tuple[str, str]) -> Any:
    if route not in _operations:
        _operations[route] = schemathesis.openapi.from_dict(openapi)[route[1]][route[0]]
    return _operations[route]


class TestConformance:
    async def test_every_declared_answer_occurs_and_no_other(
        self,
        app: FastAPI,
        openapi: dict[str, Any],
        operations: Operations,
        issuer: Issuer,
        create: Create,
        deactivated: str,
        see: SeeUser,
    ) -> None:
        recorder = Recorder(openapi)
        hooks = {"response": [recorder.check]}
        json = {"Content-Type": "application/json"}
        async with (
            client_of(app, event_hooks=hooks) as anonymous,
            client_of(app, "garbage", event_hooks=hooks) as stranger,
            client_of(app, issuer.token("viewer"), event_hooks=hooks) as viewer,
            client_of(app, deactivated, event_hooks=hooks) as inactive,
            client_of(app, issuer.token(roles=["admin", "product-manager"]), event_hooks=hooks) as client,
        ):
            await create(sku="Taken")
            for method, path in operations:
                for caller in (anonymous, stranger, viewer, inactive, client):
                    await send(caller, method, path)
                    await send(caller, method, path, params={"unknown": "1"})
                await send(viewer, method, path, params={"include_inactive": "true"})
                await send(client, method, path, json=BODIES.get(path, {"stock": 5}))
                await send(client, method, path, content=b"x" * (2**20 + 1), headers=json)
                await send(client, method, path, content=b"x", headers={"Content-Type": "text/plain"})
                await send(client, method, path, content=b"{", headers=json)
                own_id = (await client.get("/api/v1/me")).json()["id"]
                query = {"q": "lamp"} if "search" in path else None
                await send(client, method, path, params={"after": "x"})
                body = BODIES.get(path, {"name": "Lamp", "price": 1})
                for user in (own_id, (await see()).id):
                    own = path_for(path, product_id=(await create())["id"], user_id=user, sku="taken")
                    await client.request(method, own, json=body, headers={"If-Match": '"7"', "If-None-Match": "*"})
                    await client.request(method, own, json=body, params=query)
                    await client.request(method, own, json=body | {"sku": "taken"})
                    await client.request(method, own, json=body, headers={"Idempotency-Key": "a b"})
                    for _ in range(2):
                        await client.request(method, own, json=body, params=query, headers={"Idempotency-Key": own})
        declared = {
            (*route, int(status))
            for route, entry in operations.items()
            for status in entry["responses"]
            if route[1] in COMPLETE and codes(entry, int(status)) != {"idempotency_in_progress"}
        }
        assert {answer for answer in declared - recorder.seen if answer[2] < 500} == set()

    @gate_on_postgresql
    @pytest.mark.parametrize("route", [route for route in RULES if route[1] not in UNDOCUMENTED], ids=" ".join)
    @settings(suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    async def test_generated_requests_are_answered_as_declared(
        self,
        app: FastAPI,
        openapi: dict[str, Any],
        issuer: Issuer,
        product_id: int,
        user_id: UUID,
        report_id: str,
        route: tuple[str, str],
        data: st.DataObject,
    ) -> None:
        operation = operation_of(openapi, route)
        mode = data.draw(st.sampled_from(schemathesis.GenerationMode))
        case = data.draw(operation.as_strategy(generation_mode=mode))
        for name, known in {"product_id": product_id, "user_id": str(user_id), "report_id": report_id}.items():
            if name in case.path_parameters and data.draw(st.booleans()):
                case.path_parameters[name] = known
        if str((case.query or {}).get("wait")).isdigit():
            case.query["wait"] = 0  # the tests of the feed wait
        async with client_of(app, issuer.token(roles=["admin", "product-manager"])) as client:
            arguments = case.as_transport_kwargs(base_url="http://testserver")
            arguments.pop("cookies", None)
            headers = {name: value.encode() for name, value in arguments.pop("headers").items()}
            headers.pop("Authorization", None)  # Schemathesis generates its own
            if "data" in arguments:
                arguments["content"] = arguments.pop("data")
            response = await client.request(**arguments, headers=headers)
        case.validate_response(response, checks=CHECKS)
