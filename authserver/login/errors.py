"""Why a login can fail."""

from myapp.platform.errors import DomainError, UnavailableError


class InvalidCredentialsError(DomainError):
    """A wrong password, an unknown user, a disabled one: nobody outside can tell which."""

    status = 401
    code = "invalid_credentials"
    title = "Invalid user name or password"

    def __init__(self) -> None:
        super().__init__("The user name or the password is wrong.")


class LoginLockedError(DomainError):
    """Too many failures of one user from one address; ``retry_after`` is in seconds."""

    status = 429
    code = "login_locked"
    title = "Too many failed logins"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many failed logins of this user from this address; try again in {retry_after} s.")
        self.retry_after = retry_after


class LoginBusyError(UnavailableError):
    """More logins wait than the process takes on; this one was not looked at."""

    code = "login_busy"
    title = "Too many logins at once"

    def __init__(self) -> None:
        super().__init__("Too many logins are waiting at the moment.")
