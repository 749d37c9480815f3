"""Optimistic locking: a write names the versions of a resource that it may change, often as entity tags (RFC 9110)."""

import re

from .errors import PreconditionFailedError

ExpectedVersions = frozenset[int] | None
"""The versions that a write accepts; None accepts any."""


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


def expected_in(header: str) -> ExpectedVersions:
    """Return the versions that the value of an ``If-Match`` allows; ``*`` allows any."""
    return None if header.strip() == "*" else versions_in(header)


def require_version(resource: str, version: int, expected: ExpectedVersions) -> None:
    """Raise PreconditionFailedError if ``version`` is not expected. ``resource`` is a name, such as ``product``."""
    if expected is not None and version not in expected:
        raise PreconditionFailedError(f"The {resource} is in version {version}.")
