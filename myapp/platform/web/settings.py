"""The section ``web``."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pico_ioc import configured
from pydantic import Field


@configured(target="self", prefix="web", mapping="tree")
@dataclass
class WebSettings:
    """``trusted_proxies`` are addresses or networks whose ``X-Forwarded-*`` headers are trusted; ``*`` means all.

    ``public_url`` is the URL by which clients reach this service, with the path that a proxy strips. Links in mails
    begin with it.
    """

    root_path: str = ""
    public_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")] = "http://127.0.0.1:8000"
    cors_origins: list[str] = field(default_factory=list)
    trusted_proxies: list[str] = field(default_factory=list)
    max_body_bytes: Annotated[int, Field(ge=1)] = 1_048_576
    keep_alive: Annotated[int, Field(ge=1)] = 75
    worker_timeout: Annotated[int, Field(ge=1)] = 60
    stop_timeout: Annotated[int, Field(ge=1)] = 30
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_json: bool = False
