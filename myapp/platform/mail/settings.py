"""The section ``mail``."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pico_ioc import configured
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from ..config import RelativePath, Seconds
from .addresses import named_address
from .mailer import MailRefusedError


def check_mailbox(value: str) -> str:
    try:
        named_address(value)
    except MailRefusedError as error:
        raise PydanticCustomError("mailbox", "must be name@example.com or Name <name@example.com>") from error
    return value


def check_mailboxes(values: list[str]) -> list[str]:
    return [check_mailbox(value) for value in values]


@configured(target="self", prefix="mail", mapping="tree")
@dataclass
class MailSettings:
    """Settings of mail. The keys from ``host`` to ``timeout`` are for ``transport: smtp``.

    ``timeout`` is the time limit in seconds for one whole mail. It must be shorter than ``events.handler_timeout``.
    """

    transport: Literal["folder", "smtp"] = "folder"
    folder: RelativePath = "./data/mail"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 25
    tls: Literal["none", "starttls", "implicit"] = "none"
    username: str = ""
    password: str = ""
    timeout: Seconds = 20.0
    sender: Annotated[str, AfterValidator(check_mailbox)] = "Products API <products-api@localhost>"
    alerts_to: Annotated[list[str], AfterValidator(check_mailboxes)] = field(default_factory=list)
