"""No text can break a mail."""

from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myapp.platform.mail.addresses import address, header_text, named_address
from myapp.platform.mail.composer import Attachment, Composer
from myapp.platform.mail.mailer import MailRefusedError
from myapp.platform.mail.settings import MailSettings

from .conftest import compose

HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"]
BODY = ["Content-Type", "Content-Transfer-Encoding", "MIME-Version"]

texts = st.text(st.characters(codec=None), max_size=80)


class TestComposer:
    @pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x85", "\u2028", "\x0b", "\x0c", "\x00"])
    def test_keeps_headers_apart(self, end: str) -> None:
        evil = f"x{end}Bcc: eve@example.com{end}{end}Body"
        mail = Composer(MailSettings()).compose(
            [address("ada@example.com", evil)], evil, "text", "test.1", Attachment(evil, b"")
        )
        read = message_from_bytes(mail.as_bytes(), policy=default)
        assert read["Bcc"] is None
        assert set(read.keys()) == {*HEADERS, "Content-Type", "MIME-Version"}
        assert [one.addr_spec for one in read["To"].addresses] == ["ada@example.com"]

    @settings(max_examples=150)
    @given(name=texts, subject=texts, body=texts)
    def test_takes_any_text(self, name: str, subject: str, body: str) -> None:
        mail = Composer(MailSettings()).compose([address("ada@example.com", name)], subject, body, "test.1")
        content = mail.as_bytes()
        assert content.isascii()
        read = message_from_bytes(content, policy=default)
        assert set(read.keys()) == {*HEADERS, *BODY}
        assert [one.addr_spec for one in read["To"].addresses] == ["ada@example.com"]
        assert without_spaces(read["Subject"]) == without_spaces(header_text(subject))

    @settings(max_examples=150)
    @given(text=st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=300))
    def test_tells_a_text_as_it_is(self, text: str) -> None:
        read = message_from_bytes(compose(text=text).as_bytes(), policy=default)
        content = read.get_content().replace("\r\n", "\n")
        assert content.removesuffix("\n") == text.removesuffix("\n")

    def test_gives_the_same_mail_the_same_id(self) -> None:
        ids = {str(compose(reference=reference)["Message-ID"]) for reference in ("a.1", "a.1", "a.2")}
        assert ids == {"<a.1@example.com>", "<a.2@example.com>"}


def without_spaces(header: str) -> str:
    """Return ``header`` without white space, because folding may change it."""
    return "".join(header.split())


class TestAddress:
    @pytest.mark.parametrize(
        "mailbox", ["ada@example.com", "a.b+c'd!#$%&*-/=?^_{|}~@x.org", "ops@localhost", "jörg@example.com", "1@2.3"]
    )
    def test_accepts(self, mailbox: str) -> None:
        assert address(mailbox).addr_spec == mailbox

    @pytest.mark.parametrize(
        "mailbox",
        [
            *("", "ada", "@", "@example.com", "ada@", "a b@example.com", "ada@exa mple.com", "ada@-x.org", "a@x..org"),
            *("ada@example.com, eve@example.com", "ada@eve@example.com", "<ada@example.com>", '"a b"@example.com'),
            *("ada@example.com\r\nRCPT TO:<eve@example.com>", "ada\n@example.com", "ad\x00a@example.com", "a..b@x.org"),
            *("\ud800@example.com", "ada@\ud800.com", "a" * 65 + "@example.com", "ada@" + "a." * 200 + "org"),
            *("ada@" + "a" * 64 + ".org", "ada@example.com.", "ada@example.com>", "ada@[127.0.0.1]", "a" * 10**6),
        ],
    )
    def test_refuses(self, mailbox: str) -> None:
        with pytest.raises(MailRefusedError, match="is not a mail address"):
            address(mailbox)

    def test_has_a_name(self) -> None:
        assert str(named_address('"Products, Ltd" <a@example.com>')) == '"Products, Ltd" <a@example.com>'
        assert str(named_address("a@example.com")) == "a@example.com"
        assert str(named_address("Products, Ltd <a@example.com>")) == '"Products, Ltd" <a@example.com>'

    @pytest.mark.parametrize("mailbox", ["Products API", "a@b.c, d@e.f", "A <a@b.c>, D <d@e.f>", "A <a@b.c", "<a@b.c>"])
    def test_refuses_all_but_one_address(self, mailbox: str) -> None:
        with pytest.raises(MailRefusedError):
            named_address(mailbox)

    @settings(max_examples=300)
    @given(mailbox=st.text('a@.<>" ,;:\r\n\\()ä-', max_size=12), name=texts)
    def test_never_harms(self, mailbox: str, name: str) -> None:
        try:
            one = address(mailbox, name)
        except MailRefusedError:
            return
        read = message_from_bytes(compose_to(one), policy=default)
        assert len(read["To"].addresses) == 1


def compose_to(one: object) -> bytes:
    return Composer(MailSettings()).compose([one], "s", "t", "test.1").as_bytes()  # type: ignore[list-item]
