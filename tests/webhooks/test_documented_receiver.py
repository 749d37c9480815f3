"""The receiver that docs/api.md shows verifies our messages."""

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest

from myapp.boot import ROOT
from myapp.platform.database.types import utc_now
from myapp.webhooks.messages import Message
from myapp.webhooks.models import new_key, secret_of

MESSAGE = Message("msg_1", '{"type": "product.created", "data": {"name": "Lämp"}}')


async def test_accepts_ours_and_ignores_repetitions(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = new_key()
    monkeypatch.setenv("WEBHOOK_SECRET", secret_of(key))
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    [program] = re.findall(r"<!-- receiver -->\n```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(program, names)
    now = utc_now()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(names["app"]), base_url="http://shop") as client:
        for headers, status in (
            (MESSAGE.headers([key], now), 200),
            (MESSAGE.headers([new_key(), key], now), 200),
            (MESSAGE.headers([new_key()], now), 401),
            (MESSAGE.headers([key], now - timedelta(hours=1)), 401),
            ({}, 401),
            (MESSAGE.headers([key], now) | {"webhook-signature": "garbage"}, 401),
        ):
            response = await client.post("/hooks", content=MESSAGE.body.encode(), headers=headers)
            assert response.status_code == status
    assert capsys.readouterr().out.count("product.created {'name': 'Lämp'}") == 1
