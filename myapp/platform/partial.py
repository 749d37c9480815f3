"""Partial updates: the fields that are sent change, the others stay."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, model_validator
from pydantic_core import PydanticCustomError

AT_LEAST_ONE: dict[str, Any] = {"minProperties": 1}
"""What OpenAPI says of a partial update. A model that sets ``json_schema_extra`` itself must repeat it."""


class PartialUpdate(BaseModel):
    """An update of at least one field. Each field defaults to ``MISSING``, so ``model_dump()`` has only the set ones.

    A field that may be cleared has the type ``Type | None | MISSING``. The others refuse null.
    """

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra=AT_LEAST_ONE)

    @model_validator(mode="wrap")
    @classmethod
    def revalidate(cls, data: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        """Revalidate only the fields that were set: an instance can have changed since it was made.

        ``revalidate_instances`` would treat the defaults as values.
        """
        if isinstance(data, cls):
            data = {name: getattr(data, name) for name in data.model_fields_set}
        return validate(data)

    @model_validator(mode="after")
    def require_a_field(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("no_field", "At least one field must be given")
        return self
