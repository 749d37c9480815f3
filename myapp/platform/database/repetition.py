"""Repeat a transaction that the database has chosen as the victim of a conflict with another transaction."""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from enum import Enum
from numbers import Number
from typing import Any
from uuid import UUID

from pico_ioc import MethodCtx
from pico_ioc.aop import dispatch_method
from pico_sqlalchemy.interceptor import TransactionalInterceptor
from pydantic import BaseModel

from ..errors import DatabaseUnavailableError
from ..pico.replacing import replaces
from .faults import is_victim

logger = logging.getLogger(__name__)

VALUES = (str, bytes, Number, date, time, timedelta, UUID, Enum, BaseModel, type(None))

PAUSE = (0.1, 0.2)
"""Seconds until the second call, chosen at random: the other transaction first gets what both waited for."""


@replaces(TransactionalInterceptor)
class RepeatingInterceptor(TransactionalInterceptor):
    """Calls a ``@transactional`` method once more after a deadlock or a serialisation failure.

    pico-sqlalchemy 0.5.3 fails at once. The database has rolled back the first call, and the second call loads its
    entities anew in a new session. So a transaction may change nothing but the database; events tell others about it.

    There is no second call inside of another transaction, because that one is rolled back as a whole. There is none
    either if an argument is not a plain value: the first call may have changed an entity or read a stream.
    """

    def invoke(self, ctx: MethodCtx, call_next: Callable[[MethodCtx], Any]) -> Coroutine[Any, Any, Any]:
        if self.sm.get_current_session() is not None:
            return super().invoke(ctx, call_next)
        return self._invoke_outermost(ctx, call_next)

    async def _invoke_outermost(self, ctx: MethodCtx, call_next: Callable[[MethodCtx], Any]) -> Any:
        args, kwargs = ctx.args, ctx.kwargs
        try:
            return await super().invoke(ctx, call_next)
        except DatabaseUnavailableError as error:
            if not (is_victim(error) and is_value([*args, *kwargs.values()])):
                raise
        logger.warning("%s.%s is called once more", ctx.cls.__name__, ctx.name)
        await asyncio.sleep(random.uniform(*PAUSE))
        ctx.args, ctx.kwargs = args, kwargs
        # Not call_next: pico-ioc 2.5.2 counts its calls, so a second one would skip the interceptors behind this one.
        inner = inner_interceptors(ctx)
        return await super().invoke(ctx, lambda context: dispatch_method(inner, context))


def inner_interceptors(ctx: MethodCtx) -> list[Any]:
    """Return the interceptors between this one and the method."""
    classes = getattr(ctx.cls, ctx.name)._pico_interceptors_
    return [ctx.container.get(found) for found in classes[classes.index(TransactionalInterceptor) + 1 :]]


def is_value(argument: object) -> bool:
    """Return whether a method cannot have used ``argument`` up, and has no reason to change it."""
    if isinstance(argument, list | tuple | set | frozenset):
        return all(map(is_value, argument))
    if isinstance(argument, dict):
        return all(map(is_value, argument.values()))
    if is_dataclass(argument) and not isinstance(argument, type):
        return all(is_value(getattr(argument, field.name)) for field in fields(argument))
    return isinstance(argument, VALUES)
