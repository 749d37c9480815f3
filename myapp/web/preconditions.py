"""Conditional requests (RFC 9110 §13): entity tags from versions, If-None-Match for reads, If-Match for writes."""

import re
from typing import Annotated

from fastapi import Depends, Header, Request

ENTITY_TAG = re.compile(r'(?:^|,)\s*(W/)?"([^"]*)"\s*(?=,|$)')
"""One element of a list of entity tags; what is none is passed over."""


def entity_tag(version: int) -> str:
    """The strong entity tag of a resource in this version."""
    return f'"{version}"'


def matches(request: Request, version: int) -> bool:
    """Whether ``If-None-Match`` names this version; tags are compared weakly, as a read may."""
    header = ",".join(request.headers.getlist("if-none-match"))
    return header.strip() == "*" or any(tag == str(version) for _, tag in ENTITY_TAG.findall(header))


async def expected_versions(
    if_match: Annotated[
        list[str] | None,
        Header(description='Change only a resource with one of these entity tags, such as `"3"`; `*` is any.'),
    ] = None,
) -> frozenset[int] | None:
    """The versions that ``If-Match`` allows; None is any. Weak or foreign tags match nothing."""
    header = ",".join(if_match or [])
    if if_match is None or header.strip() == "*":
        return None
    return frozenset(int(tag) for weak, tag in ENTITY_TAG.findall(header) if not weak and is_version(tag))


def is_version(tag: str) -> bool:
    return tag.isascii() and tag.isdigit() and len(tag) < 19 and not tag.startswith("0")


ExpectedVersions = Annotated[frozenset[int] | None, Depends(expected_versions)]
