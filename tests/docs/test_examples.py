"""The service answers the requests in docs/ as the pages show, on both databases."""

from pathlib import Path

import pytest
from pico_ioc import PicoContainer

from myapp.boot import ROOT
from myapp.platform.outbox.relay import EventRelay

from .examples import Reader, examples

PAGES = [page for page in sorted((ROOT / "docs").glob("*.md")) if examples(page)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
async def test_answers_are_real(page: Path, reader: Reader, documented: PicoContainer) -> None:
    for example in examples(page):
        reader.compare(example, await reader.send(example))
        await documented.get(EventRelay).deliver_due()  # as the relay does meanwhile
