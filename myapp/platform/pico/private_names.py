"""Check the private names of the pico packages that our replacements use."""

from pico_sqlalchemy import SessionManager, session, transactional

from ..errors import StartupError


def check_private_names() -> None:
    """Raise StartupError if the installed version of the stack lacks a private name that we use."""
    is_present = {
        "pico_sqlalchemy.session._tx_context": hasattr(session, "_tx_context"),
        "pico_sqlalchemy.session.TransactionContext": hasattr(session, "TransactionContext"),
        "SessionManager._engine": "_engine" in vars(SessionManager)["engine"].fget.__code__.co_names,
        "SessionManager._session_factory": "_session_factory" in SessionManager.create_session.__code__.co_names,
        "_pico_interceptors_ of a decorated method": hasattr(transactional(decorated), "_pico_interceptors_"),
    }
    if missing := [name for name, present in is_present.items() if not present]:
        raise StartupError(f"the installed pico packages are not those of requirements.txt: {', '.join(missing)}")


async def decorated() -> None:
    """Carry the attribute that the decorators of the pico packages set."""
