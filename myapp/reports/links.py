"""Signed links to the file of a report, for mails. Until it expires, a link works without a token."""

import secrets
from datetime import timedelta
from urllib.parse import urlencode

from pico_ioc import component

from ..platform.database.types import utc_now
from ..platform.errors import GoneError, InvalidLinkError
from ..platform.signing import is_signature, sign
from ..platform.web.settings import WebSettings
from .models import Report
from .settings import ReportsSettings

DUMMY_KEY = secrets.token_bytes(32)
"""Stands in for the key of an unknown report, so that the check takes the same time."""


@component
class ReportLinks:
    """Creates and verifies links. Each report has its own key: no secret is configured, and a key opens one report."""

    def __init__(self, web: WebSettings, settings: ReportsSettings) -> None:
        self._public_url = web.public_url
        self._lifetime = timedelta(hours=settings.link_hours)

    def create(self, report: Report) -> str:
        assert report.expires_at
        expires = str(int(min(utc_now() + self._lifetime, report.expires_at).timestamp()))
        signature = sign(report.link_key, message(report, expires)).hex()
        query = urlencode({"expires": expires, "signature": signature})
        return f"{self._public_url}/api/v1/reports/{report.id}/download?{query}"

    def verify(self, report: Report | None, expires: str, signature: str) -> Report:
        """Return the report if the signature is valid. Raises InvalidLinkError; GoneError if the link has expired."""
        key = report.link_key if report else DUMMY_KEY
        if not is_signature(from_hex(signature), message(report, expires), [key]) or report is None:
            raise InvalidLinkError
        if int(expires) <= utc_now().timestamp():
            raise GoneError("The link has expired.")
        return report


def message(report: Report | None, expires: str) -> bytes:
    return f"{report.id.hex if report else ''}:{expires}".encode("utf-8", "replace")


def from_hex(signature: str) -> bytes:
    """Return the bytes of a signature; none if it is not hexadecimal."""
    try:
        return bytes.fromhex(signature)
    except ValueError:
        return b""
