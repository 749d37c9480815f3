"""Signed links to the file of a report, for mails. Until it expires, a link works without a token."""

import hmac
import secrets
from datetime import timedelta
from urllib.parse import urlencode

from pico_ioc import component

from ..platform.database.types import utc_now
from ..platform.errors import GoneError, InvalidLinkError
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
        query = urlencode({"expires": expires, "signature": sign(report.link_key, report.id.hex, expires)})
        return f"{self._public_url}/api/v1/reports/{report.id}/download?{query}"

    def verify(self, report: Report | None, expires: str, signature: str) -> Report:
        """Return the report if the signature is valid. Raises InvalidLinkError; GoneError if the link has expired."""
        expected = sign(report.link_key if report else DUMMY_KEY, report.id.hex if report else "", expires)
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")) or report is None:
            raise InvalidLinkError
        if int(expires) <= utc_now().timestamp():
            raise GoneError("The link has expired.")
        return report


def sign(key: bytes, report: str, expires: str) -> str:
    return hmac.digest(key, f"{report}:{expires}".encode("utf-8", "replace"), "sha256").hex()
