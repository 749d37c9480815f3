"""Parse mail addresses, with or without a display name."""

import re
from email.headerregistry import Address

from .mailer import MailRefusedError

ATOM = r"[^\s\x00-\x1f\x7f-\x9f\ud800-\udfff()<>\[\]:;@\\,.\"]+"
LOCAL_PART = re.compile(rf"{ATOM}(\.{ATOM})*")
LABEL = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
DOMAIN = re.compile(rf"{LABEL}(\.{LABEL})*", re.IGNORECASE)
NAMED = re.compile(r'"?(?P<name>[^<>"]*)"? <(?P<address>[^<>]*)>')
MAX_LOCAL_PART, MAX_DOMAIN, MAX_NAME = 64, 253, 100

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
SURROGATE = re.compile("[\ud800-\udfff]")


def address(mailbox: str, name: str | None = None) -> Address:
    """Return the address of ``mailbox``: ``local@domain``, without quotes or comments.

    A domain that is not ASCII is encoded (IDNA). Raises MailRefusedError if ``mailbox`` is not valid.
    """
    local, _, domain = mailbox.rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii") if len(domain) <= MAX_DOMAIN else ""
    except UnicodeError:
        domain = ""
    if len(local) > MAX_LOCAL_PART or not LOCAL_PART.fullmatch(local) or not DOMAIN.fullmatch(domain):
        raise MailRefusedError(f"{header_text(mailbox)[:MAX_NAME]!r} is not a mail address")
    return Address(header_text(name or "")[:MAX_NAME], local, domain)


def named_address(mailbox: str) -> Address:
    """Parse ``Name <local@domain>``, or an address alone. Raises MailRefusedError."""
    named = NAMED.fullmatch(mailbox)
    return address(named["address"], named["name"]) if named else address(mailbox)


def header_text(text: str) -> str:
    """Return ``text`` without characters that could begin another header or break the mail."""
    return SURROGATE.sub("\ufffd", UNPRINTABLE.sub(" ", text)).strip()
