"""Validate the arguments of ``@validate`` methods, with signatures and validators that are built once."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from pico_ioc import MethodCtx
from pico_pydantic import ValidationFailedError
from pico_pydantic.interceptor import ValidationInterceptor
from pydantic import TypeAdapter, ValidationError

from .replacing import replaces


class Validation(NamedTuple):
    """What one method needs: its signature without ``self``, and the validators of its models by parameter."""

    signature: inspect.Signature
    validators: dict[str, TypeAdapter[Any]]


@replaces(ValidationInterceptor)
class PreparedValidationInterceptor(ValidationInterceptor):
    """pico-pydantic's interceptor, prepared for each method once.

    pico-pydantic 0.2.4 reads the signature and builds each validator in every call: 130 µs of a create.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[type, str], Validation] = {}

    def invoke(self, ctx: MethodCtx, call_next: Callable[[MethodCtx], Any]) -> Any:
        key = (ctx.cls, ctx.name)
        known = self._known.get(key) or self._known.setdefault(key, self._prepare(getattr(*key)))
        if known.validators:
            bound = known.signature.bind(*ctx.args, **ctx.kwargs)
            bound.apply_defaults()
            try:
                for name, validator in known.validators.items():
                    bound.arguments[name] = validator.validate_python(bound.arguments[name])
            except ValidationError as error:
                raise ValidationFailedError(ctx.name, error) from error
            ctx.args, ctx.kwargs = bound.args, bound.kwargs
        return call_next(ctx)

    def _prepare(self, method: Callable[..., Any]) -> Validation:
        signature = inspect.signature(method, eval_str=True)
        parameters = list(signature.parameters.values())[1:]
        needed = [each for each in parameters if self._requires_pydantic_validation(each.annotation)]
        adapters = {each.name: TypeAdapter[Any](each.annotation) for each in needed}
        return Validation(signature.replace(parameters=parameters), adapters)
