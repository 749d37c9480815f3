"""The mail port."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage

from ..events.handler import PermanentFailureError


class MailRefusedError(PermanentFailureError):
    """The mail is refused for good: a retry cannot help. The message says why."""


@dataclass(frozen=True)
class Refusal:
    """Why the mail server does not take a mail for one recipient, while it takes it for others."""

    reason: str
    is_permanent: bool


class Mailer(ABC):
    """Sends mails. One component implements this port."""

    @abstractmethod
    async def send(self, message: EmailMessage) -> None:
        """Send ``message``, which ``Composer`` made. Return when the mail server or the folder has accepted it.

        Raises MailUnavailableError if a retry may help, also if it is unknown whether the mail was accepted.
        Raises MailRefusedError if no retry can help.
        """

    async def offer(self, message: EmailMessage, to: Sequence[str]) -> Mapping[str, Refusal]:
        """Send ``message`` to the addresses ``to``, which are some or all of its recipients.

        Return the refusals, by address: to all others, the mail is sent. Raises the errors of ``send`` if the mail was
        sent to nobody. Adapters that cannot refuse single recipients need not override this.
        """
        await self.send(message)
        return {}


def describe(answers: Mapping[str, str]) -> str:
    """Return the recipients of each answer, and the answer, in one line."""
    recipients: dict[str, list[str]] = {}
    for one, answer in answers.items():
        recipients.setdefault(answer, []).append(one)
    return "; ".join(f"{', '.join(several)}: {answer}" for answer, several in recipients.items())


def addresses_of(message: EmailMessage) -> list[str]:
    """Return the addresses of all recipients."""
    return [one.addr_spec for one in message["To"].addresses]
