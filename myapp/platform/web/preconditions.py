"""Conditional requests (RFC 9110 §13): entity tags from versions, If-None-Match for reads, If-Match for writes."""

import re
from typing import Annotated

from fastapi import Depends, Request

from ..versions import ExpectedVersions

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

ENTITY_TAG = re.compile(r'(?:^|,)\s*(W/)?"([^"]*)"\s*(?=,|$)')
"""One element of a list of entity tags. Anything else in the list is skipped."""


def entity_tag(version: int) -> str:
    """Return the strong entity tag of a resource in this version."""
    return f'"{version}"'


def is_not_modified(request: Request, version: int) -> bool:
    """Return whether ``If-None-Match`` names this version. Tags are compared weakly (RFC 9110 §13.1.2)."""
    header = ",".join(request.headers.getlist("if-none-match"))
    return header.strip() == "*" or any(tag == str(version) for _, tag in ENTITY_TAG.findall(header))


async def expected_versions(request: Request) -> ExpectedVersions:
    """Return the versions that ``If-Match`` allows; None allows any. Weak tags and unknown tags match nothing."""
    values = request.headers.getlist("if-match")
    header = ",".join(values)
    if not values or header.strip() == "*":
        return None
    return frozenset(int(tag) for weak, tag in ENTITY_TAG.findall(header) if not weak and is_version(tag))


def is_version(tag: str) -> bool:
    return tag.isascii() and tag.isdigit() and len(tag) < 19 and not tag.startswith("0")


IfMatch = Annotated[ExpectedVersions, Depends(expected_versions)]
