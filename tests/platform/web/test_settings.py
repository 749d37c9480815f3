"""The settings of the section ``web`` are checked for what they mean. A wrong one is one line at start."""

from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from fastapi import FastAPI

from myapp.platform.config import SettingsSource
from myapp.platform.errors import StartupError
from myapp.platform.web.settings import WebSettings

from ...conftest import StartContainer, client_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "application.yaml"


def read(file: Path, **settings: Any) -> WebSettings:
    file.write_text(yaml.safe_dump({"web": settings}), encoding="utf-8")
    return SettingsSource(file, {"web": WebSettings}).settings(WebSettings)


def assert_refused(file: Path, name: str, value: Any) -> None:
    with pytest.raises(StartupError) as raised:
        read(file, **{name: value})
    line = str(raised.value)
    assert line.startswith(f"web.{name} (WEB__{name.upper()}): ")
    assert "\n" not in line
    assert len(line) < 300
    assert "s3cret" not in line


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("https://shop.example.com", "https://shop.example.com"),
        ("https://shop.example.com/", "https://shop.example.com"),
        ("HTTPS://Shop.Example.COM", "https://shop.example.com"),
        (" https://shop.example.com ", "https://shop.example.com"),
        ("https://shop.example.com:", "https://shop.example.com"),
        ("https://shop.example.com:443", "https://shop.example.com"),
        ("https://shop.example.com:443/", "https://shop.example.com"),
        ("https://shop.example.com:8443", "https://shop.example.com:8443"),
        ("http://shop.example.com:80", "http://shop.example.com"),
        ("http://shop.example.com:443", "http://shop.example.com:443"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://127.0.0.1:03000", "http://127.0.0.1:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("http://[0:0:0:0:0:0:0:1]", "http://[::1]"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ("null", "null"),
        ("*", "*"),
    ],
)
def test_origins_are_written_as_browsers_send_them(file: Path, given: str, sent: str) -> None:
    assert read(file, cors_origins=[given]).cors_origins == [sent]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "shop.example.com",
        "shop.example.com:443",
        "localhost:3000",
        "//shop.example.com",
        "https://",
        "https:shop.example.com",
        "https:///shop",
        "htps://shop.example.com",
        "ftp://shop.example.com",
        "https://shop.example.com/catalogue",
        "https://shop.example.com//",
        "https://shop.example.com?",
        "https://shop.example.com/?a=b",
        "https://shop.example.com#top",
        "https://ann:s3cret@",
        "https://@shop.example.com",
        "https://*.example.com",
        "https://shop.example.*",
        "https://shop.example.com:*",
        "https://shop.example.com:0x50",
        "https://shop.example.com:99999",
        "https://[::1",
        "https://[::g]",
        "https://b\u00fccher.example",
        "https://shop example.com",
        "https://shop.example.com\n",
        "https://shop.example.com, https://b.example.com",
        "https://{x}.example.com",
        "https://" + "a" * 10_000 + "!",
        "Null",
        "**",
    ],
)
def test_an_origin_that_no_browser_sends_is_refused(file: Path, value: str) -> None:
    if value != "https://shop.example.com\n":  # surrounding blanks are ignored
        assert_refused(file, "cors_origins", [value])
    assert_refused(file, "cors_origins", ["https://ok.example.com", value + "/x"])


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (
            ["10.0.0.1", " 10.1.2.3/8", "::1", "0:0::2", "fd00::1/8"],
            ["10.0.0.1", "10.0.0.0/8", "::1", "::2", "fd00::/8"],
        ),
        (["*"], ["*"]),
        (["*", "10.0.0.1"], ["*"]),
        ([], []),
    ],
)
def test_proxies_are_addresses_and_networks(file: Path, given: list[str], meant: list[str]) -> None:
    assert read(file, trusted_proxies=given).trusted_proxies == meant


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("trusted_proxies", [value]) for value in ("nginx", "", "10.0.0.1:80", "10.0.0.0/33", "10.0.0", "1.2.3.4/x")],
        ("trusted_proxies", ["10.0.0.1, 10.0.0.2"]),
        ("trusted_proxies", "10.0.0.1"),
        *[("cors_headers", [value]) for value in ("", "X Tenant", "X-A, X-B", "X-A:", "X-\u00dc", "X-A\r\nX-B")],
        *[("root_path", value) for value in ("shop", "/sh op", "//shop", "/a//b", "/../x", "/a/.", "/shop?x", "/a#b")],
        *[("root_path", value) for value in ("https://shop.example.com/shop", "/%73hop", "/a\nb")],
        *[("public_url", value) for value in ("", "shop.example.com", "https://", "https:///x", "ftp://shop.example")],
        *[("public_url", value) for value in ("https://ann:s3cret@", "https://s.example/?a=b", "https://s.example/#a")],
        *[("public_url", value) for value in ("https://s.example:x", "https://s.example:99999", "https://s .example")],
        *[("public_url", value) for value in ("https://[::1", "https://s.example/\n", "https://s.example:0")],
        *[("max_body_bytes", value) for value in (0, -1, "1 MiB")],
        *[(name, value) for name in ("keep_alive", "worker_timeout", "stop_timeout") for value in (0, -1, "long", 1.5)],
        *[("log_level", value) for value in ("LOUD", "", 3)],
        ("log_json", "perhaps"),
    ],
)
def test_other_values_without_a_meaning_are_refused(file: Path, name: str, value: Any) -> None:
    assert_refused(file, name, value)


@pytest.mark.parametrize(("given", "meant"), [("", ""), ("/", ""), ("/shop", "/shop"), ("/a/b-1.0/", "/a/b-1.0")])
def test_a_root_path_has_no_slash_at_its_end(file: Path, given: str, meant: str) -> None:
    assert read(file, root_path=given).root_path == meant


def test_neither_has_a_public_url(file: Path) -> None:
    assert read(file, public_url="https://shop.example.com/shop/").public_url == "https://shop.example.com/shop"


@pytest.mark.one_database
class TestHeaders:
    """The headers that pages of other origins may send."""

    async def allowed(self, app: FastAPI) -> set[str]:
        preflight = {
            "Origin": "https://shop.example.com",
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "x-tenant",
        }
        async with client_of(app) as client:
            response = await client.options("/api/v1/me", headers=preflight)
        assert response.headers["access-control-allow-origin"] == "https://shop.example.com"
        return {name.strip().lower() for name in response.headers["access-control-allow-headers"].split(",")}

    async def test_can_be_more(self, start: StartContainer, shared_url: str) -> None:
        settings = {"DATABASE__URL": shared_url, "WEB__CORS_ORIGINS": '["https://Shop.example.com:443/"]'}
        own = {"authorization", "if-match", "if-none-match", "idempotency-key", "x-agent-authorization"}
        own |= {"traceparent", "tracestate"}
        allowed = await self.allowed(start(settings).get(FastAPI))
        assert own < allowed
        assert "x-tenant" not in allowed
        more = await self.allowed(start(settings | {"WEB__CORS_HEADERS": '["X-Tenant"]'}).get(FastAPI))
        assert more == allowed | {"x-tenant"}
        assert "x-tenant" in await self.allowed(start(settings | {"WEB__CORS_HEADERS": '["*"]'}).get(FastAPI))

    async def test_of_answers_can_be_read(self, start: StartContainer, shared_url: str) -> None:
        app = start({"DATABASE__URL": shared_url, "WEB__CORS_ORIGINS": '["*"]'}).get(FastAPI)
        async with client_of(app) as client:
            response: httpx.Response = await client.get("/api/v1/me", headers={"Origin": "https://any.example.com"})
        assert response.headers["access-control-allow-origin"] == "*"
        exposed = response.headers["access-control-expose-headers"]
        for name in (
            "ETag",
            "Location",
            "Link",
            "Retry-After",
            "X-Request-ID",
            "Content-Disposition",
            "Idempotent-Replayed",
        ):
            assert name in exposed
