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

ENTITY_TAG = re.compile(r'(?:^|,)\s*(?:W/)?"([^"]*)"\s*(?=,|$)')
"""One element of a list of entity tags. Anything else in the list is skipped."""

VERSION = re.compile(r"([1-9][0-9]{0,17})(?:(?:--?|;)(?:x-)?(?:gzip|deflate|compress|br|zstd|df))*")
"""The opaque part of our entity tag.

A proxy that compresses an answer makes its tag weak (nginx, Cloudflare) or adds the coding to it: Apache and Caddy
``-gzip``, Jetty ``--gzip``, others ``;gzip`` or ``-df``.
"""


def entity_tag(version: int) -> str:
    """Return the strong entity tag of a resource in this version."""
    return f'"{version}"'


def versions_in(header: str) -> frozenset[int]:
    """Return the versions that a list of entity tags names. Unknown tags name none.

    A tag is a version, whatever a compressing proxy has made of it. RFC 9110 §13.1.1 wants a strong comparison for
    ``If-Match``; it would refuse every write of a client behind such a proxy.
    """
    found = (VERSION.fullmatch(tag) for tag in ENTITY_TAG.findall(header))
    return frozenset(int(match[1]) for match in found if match)


def is_not_modified(request: Request, version: int) -> bool:
    """Return whether ``If-None-Match`` names this version."""
    header = ",".join(request.headers.getlist("if-none-match"))
    return header.strip() == "*" or (bool(header) and version in versions_in(header))


async def expected_versions(request: Request) -> ExpectedVersions:
    """Return the versions that ``If-Match`` allows; None allows any."""
    values = request.headers.getlist("if-match")
    header = ",".join(values)
    return None if not values or header.strip() == "*" else versions_in(header)


IfMatch = Annotated[ExpectedVersions, Depends(expected_versions)]
