"""Optimistic locking: a write names the versions of a resource that it may change."""

from .errors import PreconditionFailedError

ExpectedVersions = frozenset[int] | None
"""The versions that a write accepts; None accepts any."""


def require_version(resource: str, version: int, expected: ExpectedVersions) -> None:
    """Raise PreconditionFailedError if ``version`` is not expected. ``resource`` is a name, such as ``product``."""
    if expected is not None and version not in expected:
        raise PreconditionFailedError(f"The {resource} is in version {version}.")
