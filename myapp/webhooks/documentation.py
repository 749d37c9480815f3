"""The section ``webhooks`` of the OpenAPI document: the requests that servers of webhooks receive."""

from typing import Any

from fastapi import FastAPI
from pico_fastapi import FastApiConfigurer
from pico_ioc import component

from .messages import BODIES, PingMessage

DESCRIPTION = (
    "Sent to each webhook that asks for this type, with the headers `webhook-id`, `webhook-timestamp` and"
    " `webhook-signature` of Standard Webhooks. The id is the same in all attempts. A message can arrive twice."
)
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Any status 2xx: the message has arrived."},
    410: {"description": "No further messages: the webhook is disabled."},
    "4XX": {"description": "The message is sent again, ten times within three days. `Retry-After` is honoured."},
    "5XX": {"description": "As 4XX."},
}


@component
class WebhookDocumentation(FastApiConfigurer):
    def configure_app(self, app: FastAPI) -> None:
        for event_type, body in {**BODIES, PingMessage.model_fields["type"].default: PingMessage}.items():

            async def receive(message: Any) -> None: ...

            receive.__annotations__["message"] = body
            app.webhooks.post(
                event_type,
                summary=event_type,
                description=DESCRIPTION,
                operation_id=f"receive_{event_type.replace('.', '_')}",
                responses=ANSWERS,
                tags=["Webhooks"],
            )(receive)
