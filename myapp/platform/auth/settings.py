"""The sections ``auth`` (settings for which pico-client-auth's section ``auth_client`` has no key) and ``docs``."""

from dataclasses import dataclass, field
from typing import Annotated

from pico_ioc import configured
from pydantic import Field

from ..config import Seconds


@configured(target="self", prefix="auth", mapping="tree")
@dataclass
class AuthSettings:
    """Times are in seconds. ``jwks_refresh_pause`` is the shortest time between two fetches of the keys.

    ``role_claims`` are dotted paths into a token, in which ``<audience>`` stands for the configured audience.
    ``permissions`` maps a role to the permissions that it grants.
    """

    role_claims: list[str] = field(default_factory=lambda: ["role", "roles"])
    permissions: dict[str, list[str]] = field(default_factory=dict)
    scope_grants_permissions: bool = False
    leeway: Annotated[int, Field(ge=0, le=300)] = 30
    jwks_refresh_pause: Annotated[float, Field(gt=0, le=30)] = 10.0
    jwks_timeout: Seconds = 3.0
    insecure_hosts: list[str] = field(default_factory=list)
    token_cache_size: Annotated[int, Field(ge=0)] = 1024


@configured(target="self", prefix="docs", mapping="tree")
@dataclass
class DocsSettings:
    """How people log in at /docs. ``client_id`` is registered at the issuer as a public client with PKCE."""

    client_id: Annotated[str, Field(pattern=r"^[ -~]*$")] = ""
    scopes: list[Annotated[str, Field(pattern=r"^[!#-\[\]-~]+$")]] = field(default_factory=lambda: ["openid"])
