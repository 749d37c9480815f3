"""Conditional requests (RFC 9110 §13): entity tags from versions, If-None-Match for reads, If-Match for writes."""

import re
from typing import Annotated

from fastapi import Depends, Request

from ..versions import ExpectedVersions

IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "schema": {"type": "string"},
    "description": 'Answer 304 to a resource with one of these entity tags, such as `"3"`; `*` is any.',
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "schema": {"type": "string"},
    "description": 'Change only a resource with one of these entity tags, such as `"3"`; `*` is any.',
}

ENTITY_TAG = re.compile(r'(?:^|,)\s*(W/)?"([^"]*)"\s*(?=,|$)')
"""One element of a list of entity tags; what is none is passed over."""


def entity_tag(version: int) -> str:
    """The strong entity tag of a resource in this version."""
    return f'"{version}"'


def matches(request: Request, version: int) -> bool:
    """Whether ``If-None-Match`` names this version; tags are compared weakly, as a read may."""
    header = ",".join(request.headers.getlist("if-none-match"))
    return header.strip() == "*" or any(tag == str(version) for _, tag in ENTITY_TAG.findall(header))


async def expected_versions(request: Request) -> ExpectedVersions:
    """The versions that ``If-Match`` allows; None is any. Weak or foreign tags match nothing."""
    values = request.headers.getlist("if-match")
    header = ",".join(values)
    if not values or header.strip() == "*":
        return None
    return frozenset(int(tag) for weak, tag in ENTITY_TAG.findall(header) if not weak and is_version(tag))


def is_version(tag: str) -> bool:
    return tag.isascii() and tag.isdigit() and len(tag) < 19 and not tag.startswith("0")


IfMatch = Annotated[ExpectedVersions, Depends(expected_versions)]
