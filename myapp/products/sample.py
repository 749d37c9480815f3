"""Sample products for a first look: loads ``sample.yaml`` into an empty table."""

from pathlib import Path

import yaml
from pico_ioc import component

from .services import ProductService

SAMPLE = Path(__file__).with_suffix(".yaml")


@component
class SampleCatalogue:
    def __init__(self, service: ProductService) -> None:
        self._service = service

    async def load(self) -> int:
        """Load the sample unless there are products already. Return the number of products created."""
        if await self._service.list_active(limit=1, include_inactive=True):
            return 0
        entries = yaml.safe_load(SAMPLE.read_text(encoding="utf-8"))
        for entry in entries:
            inactive = entry.pop("inactive", False)
            product = await self._service.create(entry)
            if inactive:
                await self._service.deactivate(product.id)
        return len(entries)
