"""A proxy that breaks connections in the middle of requests and answers."""

import random

from sqlalchemy import make_url

from ..proxy import Proxy


class BreakingProxy(Proxy):
    """Breaks some connections before a packet, in it, or one byte before its end. ``broken`` counts them."""

    def __init__(self, url: str, chance: float = 0.25) -> None:
        super().__init__(make_url(url))
        self.url = f"http://127.0.0.1:{self.port}"
        self.broken = 0
        self._chance = chance
        self._random = random.Random(1)

    def _part(self, data: bytes) -> bytes:
        if self._random.random() >= self._chance:
            return data
        self.broken += 1
        return data[: self._random.choice([0, len(data) // 2, len(data) - 1])]
