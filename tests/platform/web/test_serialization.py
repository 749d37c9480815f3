"""Rows, entities and models are written alike, alone and in lists."""

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationInfo, field_validator
from sqlalchemy import Row, create_engine, text

from myapp.platform.web.serialization import to_json

pytestmark = pytest.mark.one_database


class Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    unit: str = ""

    @field_validator("name")
    @classmethod
    def in_unit(cls, name: str, info: ValidationInfo) -> str:
        return f"{name} [{info.context}]" if info.context else name


class Entity:
    def __init__(self, **members: Any) -> None:
        vars(self).update(members)


@pytest.fixture(scope="module")
def rows() -> list[Row[Any]]:
    """Return rows with a column more than the answer has."""
    with create_engine("sqlite://").connect() as connection:
        values = text("SELECT 1 AS id, 'Lamp' AS name, 7 AS other UNION ALL SELECT 2, 'Shelf', 8 ORDER BY 1")
        return list(connection.execute(values).all())


def forms(rows: list[Row[Any]]) -> list[list[Any]]:
    members = [dict(row._mapping) for row in rows]
    return [rows, members, [Entity(**each) for each in members], [Answer(**each) for each in members]]


def test_lists(rows: list[Row[Any]]) -> None:
    written = {to_json(TypeAdapter(list[Answer]), value) for value in forms(rows)}
    assert written == {b'[{"id":1,"name":"Lamp","unit":""},{"id":2,"name":"Shelf","unit":""}]'}
    assert to_json(TypeAdapter(list[Answer]), []) == b"[]"


def test_single_values(rows: list[Row[Any]]) -> None:
    written = {to_json(TypeAdapter(Answer), value[0]) for value in forms(rows)}
    assert written == {b'{"id":1,"name":"Lamp","unit":""}'}


def test_validators_see_the_context(rows: list[Row[Any]]) -> None:
    expected = b'{"id":1,"name":"Lamp [EUR]","unit":""}'
    assert to_json(TypeAdapter(Answer), rows[0], "EUR") == expected
    assert to_json(TypeAdapter(list[Answer]), rows[:1], "EUR") == b"[" + expected + b"]"


@pytest.mark.parametrize("value", [7, "text", None, True, [1, 2], {"a": 1}, []])
def test_other_values(value: Any) -> None:
    assert to_json(TypeAdapter(Any), value) == TypeAdapter(Any).dump_json(value)
