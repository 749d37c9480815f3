"""Who does what is being done."""

from pico_client_auth import SecurityContext

SYSTEM = "system"


def current_actor() -> str:
    """The subject of the caller's token, or ``system`` where there is no caller: a script, a task, a handler."""
    claims = SecurityContext.get()
    return claims.sub if claims else SYSTEM
