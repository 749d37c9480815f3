"""The settings. The peer reads the same environment variables as the Products API."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    database_url: str
    issuer: str
    audience: str


def from_environment() -> Settings:
    return Settings(
        database_url=os.environ["DATABASE__URL"],
        issuer=os.environ["AUTH_CLIENT__ISSUER"],
        audience=os.environ["AUTH_CLIENT__AUDIENCE"],
    )
