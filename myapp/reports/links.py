"""Signed links to a report's file, for mails: whoever has one needs no token, until it expires."""

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

NO_KEY = secrets.token_bytes(32)
"""Signs nothing: an unknown report is looked at like any other."""


@component
class ReportLinks:
    """Each report has a key of its own, so that no secret must be configured, and none opens more than one report."""

    def __init__(self, web: WebSettings, settings: ReportsSettings) -> None:
        self._public_url = web.public_url.rstrip("/")
        self._valid = timedelta(hours=settings.link_hours)

    def of(self, report: Report) -> str:
        assert report.expires_at
        expires = str(int(min(utc_now() + self._valid, report.expires_at).timestamp()))
        query = urlencode({"expires": expires, "signature": sign(report.link_key, report.id.hex, expires)})
        return f"{self._public_url}/api/v1/reports/{report.id}/download?{query}"

    def open(self, report: Report | None, expires: str, signature: str) -> Report:
        """The report, if the link is one of ours. Raises InvalidLinkError, GoneError."""
        expected = sign(report.link_key if report else NO_KEY, report.id.hex if report else "", expires)
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")) or report is None:
            raise InvalidLinkError
        if int(expires) <= utc_now().timestamp():
            raise GoneError("The link has expired.")
        return report


def sign(key: bytes, report: str, expires: str) -> str:
    return hmac.digest(key, f"{report}:{expires}".encode("utf-8", "replace"), "sha256").hex()
