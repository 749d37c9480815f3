"""Conditional requests (RFC 9110 §13): entity tags from versions, If-None-Match for reads, If-Match for writes."""

from typing import Annotated

from fastapi import Depends, Request

from ..versions import ExpectedVersions, expected_in, versions_in

IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "schema": {"type": "string"},
    "description": 'Answer 304 if the resource has one of these entity tags, such as `"3"`; `*` means any.',
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "schema": {"type": "string"},
    "description": 'Change the resource only if it has one of these entity tags, such as `"3"`; `*` means any.',
}


def is_not_modified(request: Request, version: int) -> bool:
    """Return whether ``If-None-Match`` names this version."""
    header = ",".join(request.headers.getlist("if-none-match"))
    return header.strip() == "*" or (bool(header) and version in versions_in(header))


async def expected_versions(request: Request) -> ExpectedVersions:
    """Return the versions that ``If-Match`` allows; None allows any."""
    values = request.headers.getlist("if-match")
    return expected_in(",".join(values)) if values else None


IfMatch = Annotated[ExpectedVersions, Depends(expected_versions)]
