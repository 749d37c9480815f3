"""The mail port."""

from abc import ABC, abstractmethod
from email.message import EmailMessage


class MailRefusedError(Exception):
    """The mail is refused for good: a retry cannot help. The message says why."""


class Mailer(ABC):
    """Sends mails. One component implements this port."""

    @abstractmethod
    async def send(self, message: EmailMessage) -> None:
        """Send ``message``, which ``Composer`` made. Return when the mail server or the folder has accepted it.

        Raises MailUnavailableError if a retry may help, also if it is unknown whether the mail was accepted.
        Raises MailRefusedError if no retry can help.
        """
