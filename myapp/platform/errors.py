"""The domain errors, each with its HTTP status and a stable code. They do not depend on HTTP: scripts get them too.

::

    DomainError
    ├── InactiveCallerError         403
    ├── InvalidLinkError            403
    ├── MissingPermissionError      403
    ├── NotFoundError               404
    ├── ConflictError               409
    │   ├── AlreadyExistsError
    │   ├── IdempotencyInProgressError
    │   ├── InsufficientStockError
    │   └── OwnAccountError
    ├── GoneError                   410
    ├── PreconditionFailedError     412
    │   └── StaleStockError
    ├── BatchRejectedError          422
    ├── ConstraintViolationError    422
    ├── InvalidCursorError          422
    ├── CursorMismatchError         422
    ├── IdempotencyKeyReusedError   422
    ├── TargetRefusedError          422
    └── UnavailableError            503, a retry can succeed
        ├── BrokerUnavailableError
        ├── DatabaseUnavailableError
        ├── FeedUnavailableError
        ├── IssuerUnavailableError
        ├── MailUnavailableError
        └── StorageUnavailableError

A violated domain contract is pico-pydantic's ``ValidationFailedError`` (422), a missing role is pico-client-auth's
``InsufficientPermissionsError`` (403).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class DomainError(Exception):
    """The base of all domain errors. Clients see ``str(error)``, so it must not reveal internals."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal server error"
    retry_after: int | None = None
    """Seconds after which a retry makes sense."""


class InactiveCallerError(DomainError):
    """The token is valid, but its user was deactivated here."""

    status = 403
    code = "user_inactive"
    title = "User deactivated"

    def __init__(self) -> None:
        super().__init__("This user was deactivated.")


class InvalidLinkError(DomainError):
    """A signed link that this service did not issue. The answer does not tell whether the resource exists."""

    status = 403
    code = "invalid_link"
    title = "Invalid link"

    def __init__(self) -> None:
        super().__init__("This link is not valid.")


class MissingPermissionError(DomainError):
    """The caller may use the operation, but not for everything that the request asks for."""

    status = 403
    code = "insufficient_scope"
    title = "Permission denied"

    def __init__(self, permission: str) -> None:
        super().__init__(f"This request needs one of: {permission}.")
        self.permission = permission


class NotFoundError(DomainError):
    status = 404
    code = "not_found"
    title = "Resource not found"


class ConflictError(DomainError):
    status = 409
    code = "conflict"
    title = "Conflict with the current state of the resource"


class AlreadyExistsError(ConflictError):
    """Another row already has this value, which must be unique."""

    code = "already_exists"
    title = "Resource already exists"

    def __init__(self, field: str) -> None:
        super().__init__(f"The {field} is already in use.")
        self.field = field


class IdempotencyInProgressError(ConflictError):
    """An equal request of the caller is still running, and its answer is not known yet."""

    code = "idempotency_in_progress"
    title = "Equal request still running"
    retry_after = 1

    def __init__(self) -> None:
        super().__init__("A request with this Idempotency-Key is still running.")


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line of an adjustment that is refused, and the stock that there is. ``place`` leads from the request to it."""

    place: tuple[str | int, ...]
    available: int


class InsufficientStockError(ConflictError):
    """An adjustment takes more than there is. Nothing was changed."""

    code = "insufficient_stock"
    title = "Insufficient stock"

    def __init__(self, lines: Sequence[RefusedLine]) -> None:
        super().__init__("Nothing was changed, because some lines take more than there is.")
        self.lines = lines


class OwnAccountError(ConflictError):
    """Administrators cannot lock themselves out: another administrator has to do it."""

    code = "own_account"
    title = "Not possible for one's own account"


class GoneError(DomainError):
    """The resource existed and will not come back."""

    status = 410
    code = "gone"
    title = "Resource gone"


class PreconditionFailedError(DomainError):
    """The resource is not in a version that the caller expects. Nothing was changed."""

    status = 412
    code = "precondition_failed"
    title = "Precondition failed"


class StaleStockError(PreconditionFailedError):
    """Some stocks are not those that the caller has seen."""

    def __init__(self, lines: Sequence[RefusedLine]) -> None:
        super().__init__("Nothing was changed, because some stocks are not as expected.")
        self.lines = lines


@dataclass(frozen=True, slots=True)
class ItemFault:
    """The error of one item of a batch. ``place`` leads from the batch to what is wrong, or to where it stands."""

    place: tuple[str | int, ...]
    error: Exception


class BatchRejectedError(DomainError):
    """Some items of a batch are refused, so all are."""

    status = 422
    code = "batch_rejected"
    title = "Batch rejected"

    def __init__(self, faults: Sequence[ItemFault]) -> None:
        super().__init__("Nothing was changed, because some items of the batch are refused.")
        self.faults = faults


class ConstraintViolationError(DomainError):
    """The database refused a value that the domain contract accepted."""

    status = 422
    code = "constraint_violation"
    title = "Constraint violated"

    def __init__(self, constraint: str, field: str | None = None) -> None:
        super().__init__(f"The constraint {constraint} is violated.")
        self.constraint = constraint
        self.field = field


class InvalidCursorError(DomainError):
    """A cursor that this service did not make for this list. ``parameter`` is the name by which it was sent."""

    status = 422
    code = "invalid_cursor"
    title = "Invalid cursor"

    def __init__(self, parameter: str = "cursor") -> None:
        super().__init__("This cursor is not valid. Begin the list again without one.")
        self.parameter = parameter


class CursorMismatchError(DomainError):
    """A cursor is used with other ``parameters`` than those of the list that it was made for."""

    status = 422
    code = "cursor_mismatch"
    title = "Cursor of another list"

    def __init__(self, parameters: Sequence[str]) -> None:
        super().__init__("The cursor belongs to a list with another filter or sort.")
        self.parameters = parameters


class IdempotencyKeyReusedError(DomainError):
    """The caller has used the key for a request with another method, path, query, precondition or body."""

    status = 422
    code = "idempotency_key_reused"
    title = "Idempotency key used for another request"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key belongs to another request. Nothing was changed.")


class TargetRefusedError(DomainError):
    """The service sends nothing to the address in this URL."""

    status = 422
    code = "target_refused"
    title = "Address refused"


class UnavailableError(DomainError):
    """A system that the service needs does not answer at the moment."""

    status = 503
    code = "unavailable"
    title = "Service unavailable"
    retry_after = 2


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


class FeedUnavailableError(UnavailableError):
    """The events were restored from another PostgreSQL server, whose transactions had higher ids."""

    code = "feed_unavailable"
    title = "Feed of events unavailable"

    def __init__(self) -> None:
        super().__init__("The events were restored from another server: `products-api check --repair` is to be run.")


class IssuerUnavailableError(UnavailableError):
    code = "issuer_unavailable"
    title = "Token issuer unavailable"

    def __init__(self) -> None:
        super().__init__("The token issuer's keys cannot be fetched at the moment.")


class MailUnavailableError(UnavailableError):
    """Only event handlers send mail, so ``reason`` is for operators."""

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
    """The application cannot start. The message is one line that names the setting at fault."""
