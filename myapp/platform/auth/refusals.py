"""The log's account of refused tokens. The client hears less."""

import logging
import time
from collections.abc import Collection

from pico_client_auth.errors import TokenInvalidError

from ..text import cut, shown

logger = logging.getLogger(__name__)

PAUSE = 60.0
"""Seconds between two warnings about the same check."""

Refusal = tuple[str, str | Collection[str], object]
"""The check that failed; what it expected, in words or as the accepted values; what it received."""


class Refusals:
    """Tell in the log why tokens are refused: which check failed, what it expected and what it received.

    Each check warns once a minute, so that bad tokens cannot fill the log. The other refusals are at level DEBUG.
    """

    def __init__(self) -> None:
        self._quiet_until: dict[str, float] = {}

    def tell(self, check: str, expected: str | Collection[str], received: object) -> None:
        """Log a ``Refusal``. ``received`` is never the token."""
        now, level = time.monotonic(), logging.DEBUG
        if now >= self._quiet_until.get(check, 0.0):
            self._quiet_until[check], level = now + PAUSE, logging.WARNING
        if logger.isEnabledFor(level):
            words = expected if isinstance(expected, str) else cut(" or ".join(map(shown, expected)))
            logger.log(level, "token refused by its %s: expected %s, received %s", check, words, shown(received))

    def refuse(self, detail: str, check: str, expected: str | Collection[str], received: object) -> TokenInvalidError:
        """Return the error that tells the client ``detail``, and log the rest."""
        self.tell(check, expected, received)
        return TokenInvalidError(detail)
