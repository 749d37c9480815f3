"""The errors of a login."""

from myapp.platform.errors import DomainError, UnavailableError


class InvalidCredentialsError(DomainError):
    """The user is unknown or disabled, or the password is wrong. The answer does not say which."""

    status = 401
    code = "invalid_credentials"
    title = "Invalid user name or password"

    def __init__(self) -> None:
        super().__init__("The user name or the password is wrong.")


class LoginLockedError(DomainError):
    """One user has failed too often from one address. ``retry_after`` is in seconds."""

    status = 429
    code = "login_locked"
    title = "Too many failed logins"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many failed logins of this user from this address; try again in {retry_after} s.")
        self.retry_after = retry_after


class LoginBusyError(UnavailableError):
    """Too many logins are waiting. This one was not checked."""

    code = "login_busy"
    title = "Too many logins at once"

    def __init__(self) -> None:
        super().__init__("Too many logins are waiting at the moment.")
