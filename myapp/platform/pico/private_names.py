"""The private names of the pico packages that our remedies stand on, in one place and checked at start."""

from pico_client_auth.configurer import AuthFastapiConfigurer
from pico_client_auth.jwks_client import JWKSClient
from pico_client_auth.token_validator import TokenValidator
from pico_ioc.constants import PICO_META
from pico_sqlalchemy import SessionManager, session
from pico_sqlalchemy.migrations import AlembicMigrator
from pico_sqlalchemy.repository_interceptor import RepositoryQueryInterceptor

from ..errors import StartupError

REPLACED_CLASSES = (
    AlembicMigrator,
    AuthFastapiConfigurer,
    JWKSClient,
    RepositoryQueryInterceptor,
    TokenValidator,
)
"""Their registration stands in ``_pico_meta``, which a subclass must hide to have one of its own."""


def check_private_names() -> None:
    """Raises StartupError where another version of the stack has changed what a remedy stands on."""
    found = {
        "pico_sqlalchemy.session._tx_context": hasattr(session, "_tx_context"),
        "pico_sqlalchemy.session.TransactionContext": hasattr(session, "TransactionContext"),
        "SessionManager._engine": "_engine" in vars(SessionManager)["engine"].fget.__code__.co_names,
        "SessionManager._session_factory": "_session_factory" in SessionManager.create_session.__code__.co_names,
        "pico_ioc.constants.PICO_META": PICO_META == "_pico_meta",
        **{f"{cls.__name__}._pico_meta": "_pico_meta" in vars(cls) for cls in REPLACED_CLASSES},
    }
    if missing := [name for name, there in found.items() if not there]:
        raise StartupError(f"the installed pico packages are not those of requirements.txt: {', '.join(missing)}")
