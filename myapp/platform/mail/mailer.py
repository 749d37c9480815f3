"""The mail port."""

from abc import ABC, abstractmethod
from email.message import EmailMessage


class MailRefusedError(Exception):
    """This mail will not be taken, however often it is offered; the message says why."""


class Mailer(ABC):
    @abstractmethod
    async def send(self, message: EmailMessage) -> None:
        """Returns when ``message`` is in the care of somebody else; ``Composer`` makes it.

        Raises MailUnavailableError where another try may do, also where it is not known whether it has arrived, and
        MailRefusedError where none will.
        """
