"""application.yaml has every setting, and nothing else."""

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
    """Yield the keys of ``section``, including those that are commented out."""
    inside = False
    for line in TEXT.splitlines():
        if line[:1] not in (" ", "#", ""):
            inside = line.startswith(f"{section}:")
        elif inside and (found := KEY.match(line)):
            yield found[1]


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_has_every_key_once(section: str) -> None:
    known = {field.name for field in dataclasses.fields(SECTIONS[section])}
    documented = list(keys(section))
    assert len(documented) == len(set(documented))
    assert set(documented) == known


def test_every_section_is_there() -> None:
    assert set(yaml.safe_load(TEXT)) == set(SECTIONS)


@pytest.mark.parametrize("section", sorted(set(SECTIONS) - {"auth_client", "database", "fastapi"}))
def test_our_sections_have_the_defaults(section: str, subtests: pytest.Subtests) -> None:
    """``auth.permissions`` is left out: no default fits everybody."""
    documented = yaml.safe_load(TEXT)[section]
    for field in dataclasses.fields(SECTIONS[section]):
        with subtests.test(field.name):
            default = field.default_factory() if callable(field.default_factory) else field.default
            if (section, field.name) != ("auth", "permissions"):
                assert documented[field.name] == default


@pytest.mark.one_database
def test_every_configured_class_has_a_section(container: PicoContainer) -> None:
    metadata = {key: container.metadata_for(key) for key in container.keys()}  # noqa: SIM118 - the container is not a mapping
    configured = {key for key, found in metadata.items() if found and found.infra == "configured"}
    assert configured == set(SECTIONS.values())
