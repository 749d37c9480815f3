"""Write mails to files, for development and for programs that collect them."""

import asyncio
import os
import re
from email.message import EmailMessage
from pathlib import Path
from tempfile import NamedTemporaryFile

from ..errors import MailUnavailableError
from .mailer import Mailer

UNSAFE = re.compile(r"[^A-Za-z0-9@._-]")
MAX_NAME = 200


class FolderMailer(Mailer):
    """Writes each mail to a file, atomically. The file name is the Message-ID, so a repeated mail replaces its file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: EmailMessage) -> None:
        name = UNSAFE.sub("_", message["Message-ID"].strip("<>"))[:MAX_NAME]
        try:
            await asyncio.to_thread(self._write, f"{name}.eml", message)
        except OSError as error:
            raise MailUnavailableError(f"the folder cannot be written to: {error.strerror}") from error

    def _write(self, name: str, message: EmailMessage) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=self._folder, prefix=".", delete=False) as file:
            try:
                file.write(message.as_bytes())
                file.flush()
                os.fsync(file.fileno())
                os.replace(file.name, self._folder / name)
            except OSError:
                os.unlink(file.name)
                raise
