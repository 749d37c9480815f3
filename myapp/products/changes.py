"""What an update changes in the row of a product."""

from pico_pydantic import ValidationFailedError
from pydantic import ValidationError

from ..platform.events.fields import Fields, Values, differ
from .models import fold_sku, folds_of
from .schemas import ProductChanges


def changed_columns(before: Values, fields: Fields) -> Fields:
    """Return those of ``fields`` that differ from ``before``, and the columns that are computed from them.

    ``before`` has the ``name_search`` of the row too.
    """
    changes = {name: value for name, value in fields.items() if differ(value, before[name])}
    if "name" in changes:
        changes |= folds_of(changes["name"], before["name_search"])
    if "sku" in changes:
        changes["sku_folded"] = fold_sku(changes["sku"])
    return changes


def merged(before: Values, patch: Fields) -> Fields:
    """Return the fields that a merge patch sets. Raise ValidationFailedError for too many attributes."""
    if "attributes" not in patch:
        return patch
    attributes = {
        name: value for name, value in {**before["attributes"], **patch["attributes"]}.items() if value is not None
    }
    try:
        ProductChanges.model_validate({"attributes": attributes})
    except ValidationError as error:
        raise ValidationFailedError("patch", error) from error
    return {**patch, "attributes": attributes}
