"""A port: whether the caller behind a valid token is still active."""

from abc import ABC, abstractmethod


class CallerStatus(ABC):
    """The middleware asks it for every request with a valid token. Exactly one component implements it."""

    @abstractmethod
    async def is_active(self, subject: str) -> bool:
        """Return False for a deactivated user. An unknown subject counts as active.

        Raises UnavailableError if the status cannot be found out.
        """
