"""PATCH of a product: a merge patch (RFC 7396)."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from myapp.products.services import ProductService

from ..databases import gate_on_postgresql
from ..fixture_types import Create
from ..platform.web.problems import assert_invalid, assert_problem
from .conftest import COLLECTION

MERGE_PATCH = "application/merge-patch+json"
ATTRIBUTES = {"color": "red", "watts": 9.5}


def path_of(product: dict[str, Any]) -> str:
    return f"{COLLECTION}{product['id']}"


async def patch(client: httpx.AsyncClient, product: dict[str, Any], body: Any, **headers: str) -> httpx.Response:
    sent = {"Content-Type": MERGE_PATCH} | {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.patch(path_of(product), content=json.dumps(body), headers=sent)


class TestPatch:
    @pytest.mark.one_database
    async def test_refuses_an_anonymous_caller(self, anonymous: httpx.AsyncClient, create: Create) -> None:
        assert_problem(await patch(anonymous, await create(), {"stock": 1}), 401, "missing_token")

    @pytest.mark.one_database
    async def test_refuses_a_viewer_and_an_admin(
        self, viewer: httpx.AsyncClient, admin: httpx.AsyncClient, create: Create
    ) -> None:
        product = await create()
        for client in (viewer, admin):
            assert_problem(await patch(client, product, {"stock": 1}), 403, "insufficient_scope")
        assert (await viewer.get(path_of(product))).json() == product

    @pytest.mark.parametrize("media_type", [MERGE_PATCH, "application/json", f"{MERGE_PATCH}; charset=utf-8"])
    async def test_changes_what_was_sent_and_nothing_else(
        self, manager: httpx.AsyncClient, create: Create, media_type: str
    ) -> None:
        product = await create(description="Bright", sku="LMP-1", tags=["new"], attributes=ATTRIBUTES)
        sent = {"price": 5, "description": None, "attributes": {"color": None, "width": 7}}
        response = await patch(manager, product, sent, Content_Type=media_type)
        assert (response.status_code, response.headers["etag"]) == (200, '"2"')
        changed = response.json()
        expected = {"price": 5.0, "description": None, "attributes": {"watts": 9.5, "width": 7}, "version": 2}
        assert changed == product | expected | {"updated_at": changed["updated_at"]}
        assert (await manager.get(path_of(product))).json() == changed
        history = (await manager.get(f"{path_of(product)}/history")).json()["items"]
        assert history[-1]["before"] == {"description": "Bright", "price": 19.99, "attributes": ATTRIBUTES}
        assert history[-1]["after"] == {name: expected[name] for name in ("description", "price", "attributes")}

    @pytest.mark.parametrize(
        "body", [{}, {"attributes": {}}, {"attributes": {"none": None}}, {"name": "Lamp", "attributes": {"watts": 9.5}}]
    )
    async def test_that_changes_nothing_leaves_version_and_times(
        self, manager: httpx.AsyncClient, create: Create, body: dict[str, Any]
    ) -> None:
        product = await create(attributes=ATTRIBUTES)
        response = await patch(manager, product, body)
        assert (response.status_code, response.json()) == (200, product)

    @pytest.mark.one_database
    @pytest.mark.parametrize("name", ["name", "price", "stock", "active", "tags", "attributes"])
    async def test_refuses_null_for_a_field_that_cannot_be_null(
        self, manager: httpx.AsyncClient, create: Create, name: str
    ) -> None:
        product = await create(attributes=ATTRIBUTES)
        assert_invalid(await patch(manager, product, {name: None}), f"#/{name}")
        assert (await manager.get(path_of(product))).json() == product

    @pytest.mark.one_database
    @pytest.mark.parametrize("body", [[], [{"op": "remove", "path": "/sku"}], None, 5, "x", True])
    async def test_refuses_a_patch_that_is_no_object(
        self, manager: httpx.AsyncClient, create: Create, body: Any
    ) -> None:
        product = await create()
        assert_problem(await patch(manager, product, body), 422, "validation_failed")
        assert (await manager.get(path_of(product))).json() == product

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        ("body", "place"),
        [
            ({"id": 7}, "#/id"),
            ({"version": 7}, "#/version"),
            ({"attributes": {"a": {"b": 1}}}, "#/attributes/a"),
            ({"attributes": {"a": [None]}}, "#/attributes/a"),
            ({"attributes": [["a", 1]]}, "#/attributes"),
            ({"attributes": {"A": None}}, "#/attributes/A"),
            ({"tags": {"0": None}}, "#/tags"),
        ],
    )
    async def test_refuses_what_the_product_cannot_be(
        self, manager: httpx.AsyncClient, create: Create, body: dict[str, Any], place: str
    ) -> None:
        assert_invalid(await patch(manager, await create(), body), place)

    async def test_refuses_too_many_attributes_in_the_end(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create(attributes={f"a{number}": 1 for number in range(50)})
        assert_invalid(await patch(manager, product, {"stock": 5, "attributes": {"b": 1}}), "#/attributes", "too_long")
        assert (await manager.get(path_of(product))).json() == product
        many: dict[str, Any] = {f"a{number}": None for number in range(50)} | {f"b{number}": 2 for number in range(50)}
        changed = await patch(manager, product, {"attributes": many})
        assert changed.json()["attributes"] == {f"b{number}": 2 for number in range(50)}

    async def test_refuses_a_sku_that_is_taken(self, manager: httpx.AsyncClient, create: Create) -> None:
        await create(sku="LMP-1")
        product = await create()
        problem = assert_problem(await patch(manager, product, {"sku": "lmp-1"}), 409, "already_exists")
        assert problem["errors"][0]["pointer"] == "#/sku"

    async def test_follows_if_match(self, manager: httpx.AsyncClient, create: Create) -> None:
        product = await create()
        assert_problem(await patch(manager, product, {"stock": 1}, If_Match='"2"'), 412, "precondition_failed")
        assert (await manager.get(path_of(product))).json() == product
        assert (await patch(manager, product, {"stock": 1}, If_Match='"1"')).headers["etag"] == '"2"'
        assert (await patch(manager, product, {"stock": 2}, If_Match="*")).headers["etag"] == '"3"'

    async def test_reaches_an_inactive_product(self, manager: httpx.AsyncClient, create_inactive: Create) -> None:
        product = await create_inactive()
        assert (await patch(manager, product, {"active": True})).json()["active"]
        assert (await manager.get(path_of(product))).status_code == 200

    @pytest.mark.parametrize("id", ["0", "2147483647", "2147483648", "9999999999"])
    async def test_of_no_product_is_404(self, manager: httpx.AsyncClient, id: str) -> None:
        assert_problem(await patch(manager, {"id": id}, {"stock": 1}), 404, "not_found")

    async def test_of_different_attributes_at_once_are_all_kept(
        self, manager: httpx.AsyncClient, create: Create
    ) -> None:
        product = await create()
        await asyncio.gather(*(patch(manager, product, {"attributes": {f"a{n}": n}}) for n in range(10)))
        assert (await manager.get(path_of(product))).json()["attributes"] == {f"a{n}": n for n in range(10)}


def merge(target: Any, patch: Any) -> Any:
    """Return the result of RFC 7396 §2, in its own words."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = merge(target.get(name), value)
    return target


values = st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "red", 0.5, 1.0])
attributes = st.dictionaries(st.sampled_from("abc"), values)
patches = st.fixed_dictionaries(
    {},
    optional={
        "description": st.sampled_from([None, "", "Bright"]),
        "gtin": st.sampled_from([None, "96385074"]),
        "stock": st.integers(0, 3),
        "tags": st.sets(st.sampled_from("ab")).map(sorted),
        "attributes": st.dictionaries(st.sampled_from("abc"), st.none() | values),
    },
)


@gate_on_postgresql
@given(before=attributes, changes=st.lists(patches, max_size=4))
async def test_the_result_is_that_of_the_rfc(
    service: ProductService, before: dict[str, Any], changes: list[dict[str, Any]]
) -> None:
    product = await service.create({"name": "Lamp", "price": 1, "attributes": before})
    expected = {"name": "Lamp", "stock": 0, "tags": [], "attributes": before}
    for change in changes:
        product = await service.patch(product.id, change)
        expected = merge(expected, change)
    found = await service.get_by_id(product.id)
    shown = {name: getattr(found, name) for name in ("name", "description", "gtin", "stock", "tags", "attributes")}
    kept = {name: value for name, value in shown.items() if value is not None}
    assert json.dumps(kept, sort_keys=True) == json.dumps(expected, sort_keys=True)
