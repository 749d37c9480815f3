"""The mail to the user who requested a report."""

from typing import ClassVar
from uuid import UUID

from pico_ioc import component

from ..platform.events.event import RecordedEvent
from ..platform.events.handler import EventHandler
from ..platform.mail.addresses import address
from ..platform.mail.composer import Attachment
from ..reports.events import ReportFailed, ReportFinished
from ..reports.files import MEDIA_TYPES
from ..reports.services import ReportService
from ..reports.settings import ReportsSettings
from .notifier import Notifier
from .texts import report_attached, report_failed, report_linked


@component
class ReportMail(EventHandler):
    """Attaches a file of up to ``reports.attach_max_bytes``, and sends a link to a larger one.

    Sends nothing to a user without an address, or if the file has expired.
    """

    name: ClassVar[str] = "report-mail"
    event_types: ClassVar[frozenset[str]] = frozenset({ReportFinished.type, ReportFailed.type})

    def __init__(self, notifier: Notifier, reports: ReportService, settings: ReportsSettings) -> None:
        self._notifier = notifier
        self._reports = reports
        self._attach_max_bytes = settings.attach_max_bytes

    async def handle(self, event: RecordedEvent) -> None:
        if not event.payload["email"]:
            return
        to = [address(event.payload["email"])]
        kind = event.payload["kind"]
        if event.type == ReportFailed.type:
            await self._notifier.send(self, event, to, report_failed(kind, event.payload["reason"]))
            return
        report_id, rows, size = UUID(event.aggregate_id), event.payload["rows"], event.payload["size"]
        content = await self._reports.read_file(report_id, self._attach_max_bytes)
        if content is not None:
            await self._notifier.send(self, event, to, report_attached(kind, rows), attachment(event, content))
        elif link := await self._reports.link(report_id):
            await self._notifier.send(self, event, to, report_linked(kind, rows, size, link))


def attachment(event: RecordedEvent, content: bytes) -> Attachment:
    format = event.payload["format"]
    name = f"{event.payload['kind']}-{event.occurred_at:%Y-%m-%d}.{format}"
    return Attachment(name, content, MEDIA_TYPES[format].partition(";")[0])
