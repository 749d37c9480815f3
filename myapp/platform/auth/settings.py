"""The sections ``auth`` (settings for which pico-client-auth's section ``auth_client`` has no key) and ``docs``."""

from dataclasses import dataclass, field
from typing import Annotated

from pico_ioc import configured
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from ..config import Seconds
from ..urls import host_name


def not_blank(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError("blank", "must not be empty")
    return value


def bare_host(value: str) -> str:
    try:
        return host_name(value)
    except ValueError as error:
        raise PydanticCustomError("host", "{reason}", {"reason": str(error)}) from None


Name = Annotated[str, AfterValidator(not_blank)]


@configured(target="self", prefix="auth", mapping="tree")
@dataclass
class AuthSettings:
    """Times are in seconds. ``jwks_refresh_pause`` is the shortest time between two fetches of the keys.

    ``role_claims`` are names of claims or dotted paths into a token, in which ``<audience>`` stands for each accepted
    audience. ``permissions`` maps a role to the permissions that it grants. Of ``audience_claims``, the first that a
    token has must name an accepted audience.
    """

    role_claims: list[Name] = field(default_factory=lambda: ["role", "roles"])
    permissions: dict[str, list[str]] = field(default_factory=dict)
    scope_grants_permissions: bool = False
    audience_claims: Annotated[list[Name], Field(min_length=1)] = field(default_factory=lambda: ["aud"])
    further_audiences: list[Name] = field(default_factory=list)
    further_issuers: list[Name] = field(default_factory=list)
    leeway: Annotated[int, Field(ge=0, le=300)] = 30
    jwks_refresh_pause: Annotated[float, Field(gt=0, le=30)] = 10.0
    jwks_timeout: Seconds = 3.0
    insecure_hosts: list[Annotated[str, AfterValidator(bare_host)]] = field(default_factory=list)
    token_cache_size: Annotated[int, Field(ge=0)] = 1024


@configured(target="self", prefix="docs", mapping="tree")
@dataclass
class DocsSettings:
    """How people log in at /docs. ``client_id`` is registered at the issuer as a public client with PKCE."""

    client_id: Annotated[str, Field(pattern=r"^[ -~]*$")] = ""
    scopes: list[Annotated[str, Field(pattern=r"^[!#-\[\]-~]+$")]] = field(default_factory=lambda: ["openid"])
