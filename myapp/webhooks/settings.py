"""The section ``webhooks``."""

from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Annotated

from pico_ioc import configured
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from ..platform.config import Seconds


def as_networks(values: list[str]) -> list[str]:
    return [as_network(value.strip()) for value in values]


def as_network(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError:
        raise PydanticCustomError(
            "network", "{shown} is not a network, such as 10.1.0.0/16", {"shown": ascii(value[:100])}
        ) from None


@configured(target="self", prefix="webhooks", mapping="tree")
@dataclass
class WebhooksSettings:
    """``allow_networks`` are private networks that webhooks may reach nevertheless, also over plain http.

    ``timeout`` is the time limit in seconds for one attempt. It must be shorter than ``events.handler_timeout``.
    """

    allow_networks: Annotated[list[str], AfterValidator(as_networks)] = field(default_factory=list)
    timeout: Seconds = 15.0
    max_webhooks: Annotated[int, Field(ge=1, le=1000)] = 50
