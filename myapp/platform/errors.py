"""The domain errors: what can go wrong whoever calls, each with its HTTP status and a stable code.

::

    DomainError
    ├── InactiveCallerError         403
    ├── InvalidLinkError            403
    ├── NotFoundError               404
    ├── ConflictError               409
    │   ├── AlreadyExistsError
    │   └── OwnAccountError
    ├── GoneError                   410
    ├── PreconditionFailedError     412
    ├── ConstraintViolationError    422
    └── UnavailableError            503, worth another try
        ├── BrokerUnavailableError
        ├── DatabaseUnavailableError
        ├── IssuerUnavailableError
        ├── MailUnavailableError
        └── StorageUnavailableError

A broken domain contract is pico-pydantic's ``ValidationFailedError`` (422), a missing role pico-client-auth's
``InsufficientPermissionsError`` (403).
"""

from typing import ClassVar


class DomainError(Exception):
    """``str(error)`` is shown to clients: it must not tell anything of the inside."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal server error"


class InactiveCallerError(DomainError):
    """The token is valid, but its user was deactivated here."""

    status = 403
    code = "user_inactive"
    title = "User deactivated"

    def __init__(self) -> None:
        super().__init__("This user was deactivated.")


class InvalidLinkError(DomainError):
    """A signed link that was not given out like this; whether there is anything behind it is not told."""

    status = 403
    code = "invalid_link"
    title = "Invalid link"

    def __init__(self) -> None:
        super().__init__("This link is not valid.")


class NotFoundError(DomainError):
    status = 404
    code = "not_found"
    title = "Resource not found"


class ConflictError(DomainError):
    status = 409
    code = "conflict"
    title = "Conflict with the current state of the resource"


class AlreadyExistsError(ConflictError):
    """The database knows another row with this value, which is to be unique."""

    code = "already_exists"
    title = "Resource already exists"

    def __init__(self, field: str) -> None:
        super().__init__(f"The {field} is taken.")
        self.field = field


class OwnAccountError(ConflictError):
    """Nobody shuts themselves out: another administrator has to do it."""

    code = "own_account"
    title = "Not possible for one's own account"


class GoneError(DomainError):
    """It was there, and will not come back."""

    status = 410
    code = "gone"
    title = "Resource gone"


class PreconditionFailedError(DomainError):
    """The resource is not in the version that the caller expects; nothing was changed."""

    status = 412
    code = "precondition_failed"
    title = "Precondition failed"


class ConstraintViolationError(DomainError):
    """The database refused a value that the domain contract let pass."""

    status = 422
    code = "constraint_violation"
    title = "Constraint violated"

    def __init__(self, constraint: str, field: str | None = None) -> None:
        super().__init__(f"The constraint {constraint} is violated.")
        self.constraint = constraint
        self.field = field


class UnavailableError(DomainError):
    """Something that the service needs does not answer at the moment."""

    status = 503
    code = "unavailable"
    title = "Service unavailable"
    retry_after: ClassVar[int] = 2
    """Seconds after which another try makes sense."""


class BrokerUnavailableError(UnavailableError):
    code = "broker_unavailable"
    title = "Broker unavailable"

    def __init__(self) -> None:
        super().__init__("The message broker does not answer at the moment.")


class DatabaseUnavailableError(UnavailableError):
    code = "database_unavailable"
    title = "Database unavailable"

    def __init__(self) -> None:
        super().__init__("The database does not answer at the moment.")


class IssuerUnavailableError(UnavailableError):
    code = "issuer_unavailable"
    title = "Token issuer unavailable"

    def __init__(self) -> None:
        super().__init__("The token issuer's keys cannot be fetched at the moment.")


class MailUnavailableError(UnavailableError):
    """Mail is sent by handlers of events only: ``reason`` is for operators."""

    code = "mail_unavailable"
    title = "Mail server unavailable"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The mail cannot be sent at the moment: {reason}")


class StorageUnavailableError(UnavailableError):
    code = "storage_unavailable"
    title = "Storage unavailable"

    def __init__(self) -> None:
        super().__init__("The storage does not answer at the moment.")


class StartupError(Exception):
    """The application cannot start; the message is one line that names the setting to look at."""
