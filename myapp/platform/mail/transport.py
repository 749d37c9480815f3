"""Choose the adapter that sends mails."""

from pathlib import Path

from pico_ioc import factory, provides

from .folder import FolderMailer
from .mailer import Mailer
from .settings import MailSettings
from .smtp import SmtpMailer


@factory
class MailTransport:
    @provides(Mailer)
    def create_mailer(self, settings: MailSettings) -> Mailer:
        """Return the adapter of ``mail.transport``."""
        return SmtpMailer(settings) if settings.transport == "smtp" else FolderMailer(Path(settings.folder))
