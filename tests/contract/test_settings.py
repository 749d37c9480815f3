"""application.yaml tells every setting there is, and nothing else."""

import dataclasses
import re
from collections.abc import Iterator

import pytest
import yaml
from pico_ioc import PicoContainer

from myapp.boot import ROOT, SECTIONS

TEXT = (ROOT / "application.yaml").read_text(encoding="utf-8")
KEY = re.compile(r"^  (?:# )?(\w+):(?:\s|$)")


def keys(section: str) -> Iterator[str]:
    """What stands under ``section``, commented out or not."""
    inside = False
    for line in TEXT.splitlines():
        if line[:1] not in (" ", "#", ""):
            inside = line.startswith(f"{section}:")
        elif inside and (found := KEY.match(line)):
            yield found[1]


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_tells_every_key_once(section: str) -> None:
    known = {field.name for field in dataclasses.fields(SECTIONS[section])}
    told = list(keys(section))
    assert len(told) == len(set(told))
    assert set(told) == known


def test_every_section_stands_there() -> None:
    assert set(yaml.safe_load(TEXT)) == set(SECTIONS)


@pytest.mark.parametrize("section", sorted(set(SECTIONS) - {"auth_client", "database", "fastapi"}))
def test_our_sections_tell_the_defaults(section: str, subtests: pytest.Subtests) -> None:
    """But for what has none that fits everybody."""
    told = yaml.safe_load(TEXT)[section]
    for field in dataclasses.fields(SECTIONS[section]):
        with subtests.test(field.name):
            default = field.default_factory() if callable(field.default_factory) else field.default
            if (section, field.name) != ("auth", "permissions"):
                assert told[field.name] == default


@pytest.mark.one_database
def test_every_configured_class_has_a_section(container: PicoContainer) -> None:
    metadata = {key: container.metadata_for(key) for key in container.keys()}  # noqa: SIM118 - it is no mapping
    configured = {key for key, found in metadata.items() if found and found.infra == "configured"}
    assert configured == set(SECTIONS.values())
