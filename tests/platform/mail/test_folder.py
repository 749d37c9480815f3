"""Mails are written to files."""

from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from myapp.platform.errors import MailUnavailableError
from myapp.platform.mail.composer import Attachment
from myapp.platform.mail.folder import FolderMailer

from .conftest import compose

NAME = "test.1@example.com.eml"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_mail_becomes_a_file_that_mail_programs_open(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "mail"
    attachment = Attachment("a.csv", b"\xef\xbb\xbfa,b\r\n")
    await FolderMailer(folder).send(compose(subject="Grüße", text="Καλημέρα\n", attachment=attachment))
    assert names(folder) == [NAME]
    mail = message_from_bytes((folder / NAME).read_bytes(), policy=default)
    assert mail["Subject"] == "Grüße"
    body, attached = mail.iter_parts()
    assert body.get_content().splitlines() == ["Καλημέρα"]
    assert attached.get_payload(decode=True) == attachment.content


async def test_a_repetition_replaces_it(tmp_path: Path) -> None:
    mailer = FolderMailer(tmp_path)
    for text in ("first\n", "second\n"):
        await mailer.send(compose(text=text))
    assert names(tmp_path) == [NAME]
    assert (tmp_path / NAME).read_bytes().endswith(b"second\r\n")


@pytest.mark.parametrize("reference", ["../../etc/passwd", "a/b\\c:d", "x" * 300])
async def test_a_file_stays_in_the_folder(tmp_path: Path, reference: str) -> None:
    message = compose()
    message.replace_header("Message-ID", f"<{reference}@example.com>")
    await FolderMailer(tmp_path / "mail").send(message)
    assert names(tmp_path) == ["mail"]
    (name,) = names(tmp_path / "mail")
    assert name.endswith(".eml")


async def test_a_folder_that_cannot_be_created_is_transient(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file")
    with pytest.raises(MailUnavailableError, match="folder"):
        await FolderMailer(tmp_path / "mail").send(compose())
    (tmp_path / "mail").unlink()
    await FolderMailer(tmp_path / "mail").send(compose())


async def test_a_file_that_cannot_be_replaced_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(MailUnavailableError):
        await FolderMailer(tmp_path).send(compose())
    assert names(tmp_path) == [NAME]


async def test_an_address_beyond_ascii(tmp_path: Path) -> None:
    await FolderMailer(tmp_path).send(compose("jörg@example.com"))
    assert "To: jörg@example.com" in (tmp_path / NAME).read_text(encoding="utf-8")
