from dataclasses import dataclass

@dataclass(frozen=True)
class TokenClaims:
    sub: str
    email: str
    role: str
    org_id: str
    jti: str
    groups: tuple[str, ...] = ...
