"""The caller's subject, email and name, from the claims of the token."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from pico_client_auth.errors import MissingTokenError

from ..text import is_single_line, visible_length

MAX_SUBJECT = 255
"""OpenID Connect Core §2."""
MAX_EMAIL = 254
"""RFC 5321 §4.5.3.1: the maximum length of a path, without its angle brackets."""
MAX_NAME = 100

_claims: ContextVar[Mapping[str, Any] | None] = ContextVar("claims", default=None)


@dataclass(frozen=True, slots=True)
class Caller:
    """``email`` and ``name`` are None if the claim is not one visible line of text or is too long for the column."""

    subject: str
    email: str | None = None
    name: str | None = None


def remember_claims(claims: Mapping[str, Any] | None) -> None:
    """Set the claims of the request's token, or None at the end of the request. Only the middleware calls this."""
    _claims.set(claims)


def current_identity() -> tuple[str, str] | None:
    """Return issuer and subject of the caller's token, which together name one person (OpenID Connect Core §2).

    Return None without a caller.
    """
    claims = _claims.get()
    return (claims["iss"], claims["sub"]) if claims else None


def current_caller() -> Caller:
    """Return the caller. Raises MissingTokenError without one: on a public route, or outside of a request."""
    claims = _claims.get()
    if claims is None:
        raise MissingTokenError("there is no caller")
    return Caller(claims["sub"], text_of(claims.get("email"), MAX_EMAIL), text_of(claims.get("name"), MAX_NAME))


def current_email() -> str | None:
    """Return the caller's email. Return None if the token has none, or if there is no caller."""
    claims = _claims.get()
    return text_of(claims.get("email"), MAX_EMAIL) if claims else None


def text_of(claim: Any, max_length: int) -> str | None:
    """Return ``claim`` without surrounding blanks, or None if it is not one visible line of at most ``max_length``."""
    text = claim.strip() if isinstance(claim, str) else ""
    return text if len(text) <= max_length and is_single_line(text) and visible_length(text) else None
