"""The actor of the current operation."""

from pico_client_auth import SecurityContext

SYSTEM = "system"


def current_actor() -> str:
    """Return the subject of the caller's token, or ``system`` without a caller: in a script, a task, a handler."""
    claims = SecurityContext.get()
    return claims.sub if claims else SYSTEM
