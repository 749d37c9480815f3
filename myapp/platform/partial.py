"""Partial updates: what is sent changes, what is not sent stays."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, model_validator
from pydantic_core import PydanticCustomError

UNSET: Any = None
"""The default of a field that may be left out but not be null; whether it was sent, ``model_fields_set`` tells."""


class PartialUpdate(BaseModel):
    """At least one field must be set; use it by ``model_dump(exclude_unset=True)``."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"minProperties": 1})

    @model_validator(mode="wrap")
    @classmethod
    def check_instances_anew(cls, data: Any, check: ModelWrapValidatorHandler[Self]) -> Self:
        """By what was set in them: ``revalidate_instances`` would take the defaults for values."""
        return check({name: getattr(data, name) for name in data.model_fields_set} if isinstance(data, cls) else data)

    @model_validator(mode="after")
    def at_least_one_field(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("no_field", "At least one field must be given")
        return self
