"""The values that a product may have, over HTTP: the same for create and update."""

import json
from typing import Any

import httpx
import pytest

from ..fixture_types import Create
from ..platform.web.problems import assert_invalid, assert_problem

COLLECTION = "/api/v1/products/"
VALID = {"name": "Lamp", "price": 19.99}
BULB = "\U0001f4a1"
JSON = {"Content-Type": "application/json"}


# Each value is JSON text, because Python cannot express all of them.
REFUSED = [
    ("name", "null", "string_type"),
    ("name", "5", "string_type"),
    ("name", "true", "string_type"),
    ("name", '["Lamp"]', "string_type"),
    ("name", "{}", "string_type"),
    ("name", '""', "string_too_short"),
    ("name", '"a"', "string_too_short"),
    ("name", '"   "', "string_too_short"),
    ("name", r'" a \t\n"', "string_too_short"),
    ("name", '"\u00a0a\u3000"', "string_too_short"),
    ("name", f'"{"x" * 101}"', "string_too_long"),
    ("name", f'"{"x" * 100_000}"', "string_too_long"),
    ("name", r'"La\u0000mp"', "nul_character"),
    ("name", r'"Lamp\u0000"', "nul_character"),
    ("name", r'"La\nmp"', "control_character"),
    ("name", r'"La\u001b[31mmp"', "control_character"),
    ("name", r'"La\u0085mp"', "control_character"),
    ("name", r'"La\u2028mp"', "control_character"),
    ("name", r'"La\u2029mp"', "control_character"),
    ("name", r'"\u007flamp"', "control_character"),
    ("name", r'"\u200b\u200b"', "string_too_short"),
    ("name", r'"\u3164\u3164"', "string_too_short"),
    ("name", r'"\u2800 \u2800"', "string_too_short"),
    ("name", r'"\u00ad\u2060\ufeff\u202e"', "string_too_short"),
    ("name", r'"a\u200d\ufe0f"', "string_too_short"),
    ("name", r'"\u0301\u0301"', "string_too_short"),
    ("name", r'"La\ud800mp"', "string_unicode"),
    ("name", r'"La\udfffmp"', "string_unicode"),
    ("description", "5", "string_type"),
    ("description", "false", "string_type"),
    ("description", f'"{"x" * 501}"', "string_too_long"),
    ("description", r'"\u0000"', "nul_character"),
    ("description", r'"\udc00"', "string_unicode"),
    ("price", "null", "number_type"),
    ("price", '"9.50"', "number_type"),
    ("price", "true", "number_type"),
    ("price", "false", "number_type"),
    ("price", "[]", "number_type"),
    ("price", "0", "greater_than"),
    ("price", "0.00", "greater_than"),
    ("price", "-0.0", "greater_than"),
    ("price", "-1", "greater_than"),
    ("price", "-0.01", "greater_than"),
    ("price", "1e-400", "greater_than"),
    ("price", "9.999", "decimal_max_places"),
    ("price", "0.001", "decimal_max_places"),
    ("price", "1e-7", "decimal_max_places"),
    ("price", "0.30000000000000004", None),
    ("price", "10000000000", None),
    ("price", "10000000000.00", None),
    ("price", "99999999999.99", None),
    ("price", "1e300", None),
    ("price", "1e400", "finite_number"),
    ("price", "-1e400", "finite_number"),
    ("price", "NaN", "finite_number"),
    ("price", "Infinity", "finite_number"),
    ("price", "-Infinity", "finite_number"),
    ("price", "9" * 1000, None),
    ("stock", "null", "int_type"),
    ("stock", '"1"', "int_type"),
    ("stock", "true", "int_type"),
    ("stock", "2.0", "int_type"),
    ("stock", "1.5", "int_type"),
    ("stock", "1e3", "int_type"),
    ("stock", "NaN", None),
    ("stock", "Infinity", None),
    ("stock", "-1", "greater_than_equal"),
    ("stock", "2147483648", "less_than_equal"),
    ("stock", "9" * 1000, None),
    ("sku", "5", "string_type"),
    ("sku", '""', "string_too_short"),
    ("sku", '"  "', "string_too_short"),
    ("sku", r'"\u200b"', "string_too_short"),
    ("sku", r'"LMP\u00001"', "control_character"),
    ("sku", r'"LMP\n1"', "control_character"),
    ("sku", r'"LMP\ud800"', "string_unicode"),
    ("sku", f'"{"x" * 65}"', "string_too_long"),
    ("gtin", "4006381333931", "string_type"),
    ("gtin", '""', "string_pattern_mismatch"),
    ("gtin", '"123456789"', "string_pattern_mismatch"),
    ("gtin", '"4006381333931 "', "string_pattern_mismatch"),
    ("gtin", r'"4006381333931\n"', "string_pattern_mismatch"),
    ("gtin", '"\u0664006381333931"', "string_pattern_mismatch"),
    ("gtin", '"4006381333932"', "gtin_check_digit"),
    ("gtin", '"96385075"', "gtin_check_digit"),
    ("tags", "null", "list_type"),
    ("tags", '"sale"', "list_type"),
    ("tags", '{"sale": 1}', "list_type"),
    ("tags", json.dumps([str(number) for number in range(21)]), "too_long"),
    ("attributes", "null", "dict_type"),
    ("attributes", "[]", "dict_type"),
    ("attributes", json.dumps({f"a{number}": 1 for number in range(51)}), "too_long"),
    ("id", "7", "extra_forbidden"),
    ("version", "7", "extra_forbidden"),
    ("name_folded", '"lamp"', "extra_forbidden"),
    ("created_at", '"2026-01-01T00:00:00Z"', "extra_forbidden"),
    ("updated_at", '"2026-01-01T00:00:00Z"', "extra_forbidden"),
    ("Price", "1", "extra_forbidden"),
]

# The value that is sent, and the value that the product has afterwards.
ACCEPTED = [
    ("sku", '" LMP-1 "', "LMP-1"),
    ("sku", '"x"', "x"),
    ("sku", f'"{BULB * 64}"', BULB * 64),
    ("sku", f'"{chr(0xFDFA) * 64}"', chr(0xFDFA) * 64),
    ("sku", "null", None),
    ("gtin", '"96385074"', "96385074"),
    ("gtin", '"036000291452"', "036000291452"),
    ("gtin", '"4006381333931"', "4006381333931"),
    ("gtin", '"10012345678902"', "10012345678902"),
    ("gtin", "null", None),
    ("tags", "[]", []),
    ("tags", '["b", "a-1", "b", "-"]', ["-", "a-1", "b"]),
    ("tags", json.dumps([f"{number:040}" for number in range(20)]), [f"{number:040}" for number in range(20)]),
    ("attributes", "{}", {}),
    ("attributes", '{"b": "x", "a": true, "c": -0.5, "d": 1e300}', {"a": True, "b": "x", "c": -0.5, "d": 1e300}),
    ("attributes", '{"n": 9007199254740991, "t": "", "z": 0.0}', {"n": 2**53 - 1, "t": "", "z": 0.0}),
    ("attributes", f'{{"a{"_" * 39}": "{BULB * 500}"}}', {f"a{'_' * 39}": BULB * 500}),
    ("attributes", json.dumps({f"a{number}": 1 for number in range(50)}), {f"a{number}": 1 for number in range(50)}),
    ("name", '"ab"', "ab"),
    ("name", '"  ab\\t\\n "', "ab"),
    ("name", '"\u00a0ab\u3000"', "ab"),
    ("name", f'"  {"x" * 100}  "', "x" * 100),
    ("name", f'"{BULB * 100}"', BULB * 100),
    ("name", r'"\ud83d\udca1 lamp"', f"{BULB} lamp"),
    ("name", '"\u0130\u0390\ufb03 \u1e9e\u00df \u03a3\u03c2"', "\u0130\u0390\ufb03 \u1e9e\u00df \u03a3\u03c2"),
    ("name", r'"a\u200b\u202eb"', "a\u200b\u202eb"),
    ("name", r'"\u0918\u0940"', "\u0918\u0940"),
    ("name", r'"\u0e1b\u0e39"', "\u0e1b\u0e39"),
    ("name", r'"\ud83d\udc69\u200d\ud83d\udd2c"', "\U0001f469\u200d\U0001f52c"),
    ("name", '"e\u0301tude"', "e\u0301tude"),
    ("name", r'"50 % _off_ \\ \"now\" \u0027; --"', '50 % _off_ \\ "now" \'; --'),
    ("description", "null", None),
    ("description", '""', ""),
    ("description", '"  as it is  "', "  as it is  "),
    ("description", f'"{"x" * 500}"', "x" * 500),
    ("price", "0.01", 0.01),
    ("price", "0.10", 0.1),
    ("price", "5", 5.0),
    ("price", "5.0", 5.0),
    ("price", "19.990", 19.99),
    ("price", "1.2e1", 12.0),
    ("price", "1e2", 100.0),
    ("price", "9999999999.99", 9999999999.99),
    ("price", "4503599627.37", 4503599627.37),
    ("stock", "0", 0),
    ("stock", "-0", 0),
    ("stock", "2147483647", 2147483647),
]


def ids(cases: list[Any]) -> list[str]:
    return [f"{case[0]}={case[1][:20]}".encode("ascii", "backslashreplace").decode() for case in cases]


def body(members: dict[str, Any], name: str, value: str) -> str:
    """Return ``members`` as JSON; the member ``name`` gets ``value``, which is JSON text already."""
    rest = {key: other for key, other in members.items() if key != name}
    return json.dumps(rest)[:-1] + (", " if rest else "") + f'"{name}": {value}}}'


class TestCreate:
    @pytest.mark.one_database
    @pytest.mark.parametrize(("name", "value", "code"), REFUSED, ids=ids(REFUSED))
    async def test_refuses(self, manager: httpx.AsyncClient, name: str, value: str, code: str | None) -> None:
        response = await manager.post(COLLECTION, content=body(VALID, name, value), headers=JSON)
        assert_invalid(response, f"#/{name}", code)
        assert (await manager.get(COLLECTION)).json() == []

    @pytest.mark.parametrize(("name", "value", "kept"), ACCEPTED, ids=ids(ACCEPTED))
    async def test_accepts(self, manager: httpx.AsyncClient, name: str, value: str, kept: Any) -> None:
        response = await manager.post(COLLECTION, content=body(VALID, name, value), headers=JSON)
        assert response.status_code == 201, response.text
        assert response.json()[name] == kept
        assert (await manager.get(f"{COLLECTION}{response.json()['id']}")).json() == response.json()

    @pytest.mark.one_database
    async def test_refuses_to_make_an_inactive_product(self, manager: httpx.AsyncClient) -> None:
        assert_invalid(await manager.post(COLLECTION, json=VALID | {"active": False}), "#/active", "extra_forbidden")

    @pytest.mark.one_database
    @pytest.mark.parametrize("name", ["name", "price"])
    async def test_demands(self, manager: httpx.AsyncClient, name: str) -> None:
        members = {key: value for key, value in VALID.items() if key != name}
        assert_invalid(await manager.post(COLLECTION, json=members), f"#/{name}", "missing")

    @pytest.mark.one_database
    async def test_tells_every_fault_at_once(self, manager: httpx.AsyncClient) -> None:
        response = await manager.post(COLLECTION, json={"name": "a", "price": "1", "stock": -1, "colour": "red"})
        errors = assert_problem(response, 422, "validation_failed")["errors"]
        assert {error["pointer"] for error in errors} == {"#/name", "#/price", "#/stock", "#/colour"}


class TestUpdate:
    @pytest.mark.one_database
    @pytest.mark.parametrize(("name", "value", "code"), REFUSED, ids=ids(REFUSED))
    async def test_refuses(
        self, manager: httpx.AsyncClient, create: Create, name: str, value: str, code: str | None
    ) -> None:
        product = await create()
        response = await manager.put(f"{COLLECTION}{product['id']}", content=body({}, name, value), headers=JSON)
        assert_invalid(response, f"#/{name}", code)
        assert (await manager.get(f"{COLLECTION}{product['id']}")).json() == product

    @pytest.mark.parametrize(("name", "value", "kept"), ACCEPTED, ids=ids(ACCEPTED))
    async def test_accepts(self, manager: httpx.AsyncClient, create: Create, name: str, value: str, kept: Any) -> None:
        product = await create(description="Before", stock=7)
        response = await manager.put(f"{COLLECTION}{product['id']}", content=body({}, name, value), headers=JSON)
        assert response.status_code == 200, response.text
        changed = response.json()
        assert changed == product | {name: kept, "version": changed["version"], "updated_at": changed["updated_at"]}
        assert (await manager.get(f"{COLLECTION}{product['id']}")).json() == response.json()

    @pytest.mark.one_database
    @pytest.mark.parametrize("value", ["null", "0", "1", '"true"', '"false"', "[]"])
    async def test_refuses_what_is_no_boolean(self, manager: httpx.AsyncClient, create: Create, value: str) -> None:
        product = await create()
        response = await manager.put(f"{COLLECTION}{product['id']}", content=body({}, "active", value), headers=JSON)
        assert_invalid(response, "#/active", "bool_type")


@pytest.mark.one_database
class TestBody:
    """Bodies that are not a product at all, for both operations."""

    @pytest.fixture(params=["create", "update"])
    async def send(self, request: pytest.FixtureRequest, manager: httpx.AsyncClient, create: Create) -> Any:
        product = await create()
        method, path = ("POST", COLLECTION) if request.param == "create" else ("PUT", f"{COLLECTION}{product['id']}")

        async def send_one(content: str | bytes) -> httpx.Response:
            return await manager.request(method, path, content=content, headers=JSON)

        yield send_one
        assert (await manager.get(COLLECTION, params={"include_inactive": True})).json() == [product]

    @pytest.mark.parametrize("content", ["[]", '"Lamp"', "5", "null", "true", "NaN"])
    async def test_refuses_what_is_no_object(self, send: Any, content: str) -> None:
        assert_problem(await send(content), 422, "validation_failed")

    async def test_refuses_an_empty_body(self, send: Any) -> None:
        assert_problem(await send(""), 422, "validation_failed")

    async def test_refuses_an_empty_object(self, send: Any) -> None:
        assert_problem(await send("{}"), 422, "validation_failed")

    @pytest.mark.parametrize(
        ("content", "pointer"),
        [
            ('{"name": "Lamp", "price": 1, "a/b~c d": 1}', "#/a~1b~0c%20d"),
            ('{"name": "Lamp", "price": 1, "\u00fc": 1}', "#/%C3%BC"),
            (f'{{"name": "Lamp", "price": 1, "{"x" * 5000}": 1}}', f"#/{'x' * 200}"),
        ],
        ids=["escaped", "unicode", "long"],
    )
    async def test_names_a_member_of_any_name(self, send: Any, content: str, pointer: str) -> None:
        response = await send(content)
        assert_invalid(response, pointer, "extra_forbidden")
        assert len(response.content) < 1000

    async def test_refuses_a_member_whose_name_is_a_lone_surrogate(self, send: Any) -> None:
        assert_problem(await send(r'{"name": "Lamp", "price": 1, "\ud800": 1}'), 422, "validation_failed")

    async def test_tells_of_many_faults_in_a_short_answer(self, send: Any) -> None:
        content = json.dumps({f"member{number}": number for number in range(10_000)})
        problem = assert_problem(await send(content), 422, "validation_failed")
        assert len(problem["errors"]) == 20
