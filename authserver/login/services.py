"""The rules for logins."""

import logging

from pico_ioc import component

from myapp.platform.text import fold_case

from ..issuer.tokens import AccessToken, TokenIssuer
from ..users.services import UserService
from .checks import PasswordChecks
from .errors import InvalidCredentialsError
from .lockout import Lockout
from .models import MAX_ADDRESS

logger = logging.getLogger(__name__)


@component
class LoginService:
    """No transaction is open while a password is checked. A disabled user is treated like an unknown one."""

    def __init__(self, users: UserService, lockout: Lockout, checks: PasswordChecks, tokens: TokenIssuer) -> None:
        self._users = users
        self._lockout = lockout
        self._checks = checks
        self._tokens = tokens

    async def login(self, username: str, password: str, address: str) -> AccessToken:
        """Return an access token.

        Raises InvalidCredentialsError, LoginLockedError, LoginBusyError and DatabaseUnavailableError.
        """
        key = (fold_case(username), address[:MAX_ADDRESS])
        async with self._checks.turn(key, key[1]):
            await self._lockout.sweep()
            await self._lockout.claim(*key)
            user = await self._users.find_active(username)
            is_right, new_hash = await self._checks.check(password, user.password_hash if user else None)
            if user is None or not is_right:
                raise InvalidCredentialsError
            await self._lockout.forget(*key)
        if new_hash:
            await self._users.replace_hash(user.id, user.password_hash, new_hash)
        logger.info("user %s logged in", user.id)
        return self._tokens.issue(str(user.id), user.email, user.name, user.roles)
