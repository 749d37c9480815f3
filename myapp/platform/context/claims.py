"""What a caller's token tells of the person behind it."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from pico_client_auth.errors import MissingTokenError

from ..text import is_single_line

MAX_SUBJECT = 255
"""OpenID Connect Core §2."""
MAX_EMAIL = 254
"""RFC 5321 §4.5.3.1: what a path holds, without its angle brackets."""
MAX_NAME = 100

_claims: ContextVar[Mapping[str, Any] | None] = ContextVar("claims", default=None)


@dataclass(frozen=True, slots=True)
class Caller:
    """``email`` and ``name`` are one line of text, no longer than a column; a claim that is none of it is None."""

    subject: str
    email: str | None = None
    name: str | None = None


def remember_claims(claims: Mapping[str, Any] | None) -> None:
    """For the middleware: whose token the request came with; None when it is over."""
    _claims.set(claims)


def current_caller() -> Caller:
    """Raises MissingTokenError where nobody is calling: on a public route, or outside of a request."""
    claims = _claims.get()
    if claims is None:
        raise MissingTokenError("nobody is calling")
    return Caller(claims["sub"], line(claims.get("email"), MAX_EMAIL), line(claims.get("name"), MAX_NAME))


def current_email() -> str | None:
    """Of the caller; None where nobody is calling too."""
    claims = _claims.get()
    return line(claims.get("email"), MAX_EMAIL) if claims else None


def line(claim: Any, max_length: int) -> str | None:
    text = claim.strip() if isinstance(claim, str) else ""
    return text if 0 < len(text) <= max_length and is_single_line(text) else None
