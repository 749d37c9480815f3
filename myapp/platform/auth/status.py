"""The port that tells whether a caller, whatever the token says, may still call."""

from abc import ABC, abstractmethod


class CallerStatus(ABC):
    """One component implements it; the middleware asks it for every request with a valid token."""

    @abstractmethod
    async def is_active(self, subject: str) -> bool:
        """True for a subject that nobody has heard of. Raises UnavailableError where it cannot be told."""
