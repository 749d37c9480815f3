"""Partial updates: fields that are sent change, the others stay."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, model_validator
from pydantic_core import PydanticCustomError


class PartialUpdate(BaseModel):
    """Demand at least one field. The default of each field is ``MISSING``, so ``model_dump()`` has those that were set.

    A field that may be cleared is ``Type | None | MISSING``; null is refused for the others.
    """

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"minProperties": 1})

    @model_validator(mode="wrap")
    @classmethod
    def revalidate(cls, data: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        """Validate an instance again by the fields that were set: it may have been changed since it was made.

        ``revalidate_instances`` would take the defaults for values.
        """
        if isinstance(data, cls):
            data = {name: getattr(data, name) for name in data.model_fields_set}
        return validate(data)

    @model_validator(mode="after")
    def at_least_one_field(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("no_field", "At least one field must be given")
        return self
