"""Examples in the OpenAPI document."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from myapp.platform.examples import example
from myapp.platform.web.openapi import document


class Chair(BaseModel):
    model_config = ConfigDict(json_schema_extra=example({"name": "Stool", "color": None}))

    name: str
    color: str | None


class Room(BaseModel):
    chairs: list[Chair]
    number: int = Field(examples=[7])
    name: str | None = None


class Unknown(BaseModel):
    name: str


def made(model: Any) -> dict[str, Any]:
    """Return the document of an application with one operation that answers with ``model``."""
    app = FastAPI()
    app.get("/", response_model=model)(lambda: None)
    return document(app, {})


def answer(model: Any) -> dict[str, Any]:
    content: dict[str, Any] = made(model)["paths"]["/"]["get"]["responses"]["200"]["content"]["application/json"]
    return content


def test_a_model_has_its_own_example_with_nulls() -> None:
    assert answer(Chair)["example"] == {"name": "Stool", "color": None}
    assert made(Chair)["components"]["schemas"]["Chair"]["examples"] == [{"name": "Stool", "color": None}]


def test_a_list_and_an_object_are_composed() -> None:
    assert answer(list[Chair])["example"] == [{"name": "Stool", "color": None}]
    assert answer(Room)["example"] == {"chairs": [{"name": "Stool", "color": None}], "number": 7}


def test_a_model_without_one_has_none() -> None:
    assert "example" not in answer(Unknown)
    assert "example" not in answer(list[Unknown])


def test_fastapi_still_removes_nulls_from_examples() -> None:
    """Fails as soon as FastAPI keeps them. Then ``example`` can give them as they are."""

    class Plain(BaseModel):
        model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Stool", "color": None}]})

        name: str
        color: str | None

    app = FastAPI()
    app.get("/", response_model=Plain)(lambda: None)
    assert app.openapi()["components"]["schemas"]["Plain"]["examples"] == [{"name": "Stool"}]
