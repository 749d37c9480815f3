"""One attempt: what it connects to, and how it ends if the server is hostile."""

import asyncio
import ssl
import threading
from typing import Any

import httpx
import pytest
from pico_ioc import PicoContainer

from myapp.platform.database.types import utc_now
from myapp.webhooks.messages import Message
from myapp.webhooks.resolving import SystemResolver, addresses_of
from myapp.webhooks.sending import Outcome, WebhookSender
from myapp.webhooks.settings import WebhooksSettings

from ..databases import free_port
from ..platform.mail.certificates import Authority
from .conftest import Hook
from .receiver import HOST, Names, Receiver, answering, hanging, saying

pytestmark = pytest.mark.one_database

MESSAGE = Message("msg_1", '{"type": "a.b"}')
KEY = b"k" * 32


class Sent:
    """Sends ``MESSAGE`` with settings of its own."""

    def __init__(self, names: Names, certificates: Authority) -> None:
        self._names = names
        self._file = str(certificates.file)

    async def __call__(self, url: str, *, allow: str = "127.0.0.0/8", timeout: float = 1.0) -> Outcome:  # noqa: ASYNC109
        settings = WebhooksSettings(allow_networks=[allow] if allow else [], timeout=timeout)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SSL_CERT_FILE", self._file)
            return await WebhookSender(self._names, settings).send(url, [KEY], MESSAGE)


@pytest.fixture
def send(names: Names, certificates: Authority) -> Sent:
    return Sent(names, certificates)


class TestAnswers:
    @pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
    async def test_success(self, send: Sent, receiver: Receiver, status: int) -> None:
        receiver.behaviours["/"] = answering(status)
        before = utc_now()
        outcome = await send(receiver.url())
        assert (outcome.status, outcome.error) == (status, None)
        assert before <= outcome.started_at <= utc_now()
        assert outcome.duration_ms >= 0

    @pytest.mark.parametrize("status", [300, 304, 400, 404, 410, 429, 500, 503, 599])
    async def test_failure(self, send: Sent, receiver: Receiver, status: int) -> None:
        receiver.behaviours["/"] = answering(status)
        outcome = await send(receiver.url())
        assert (outcome.status, outcome.error) == (status, "unexpected_status")

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_a_redirect_is_not_followed(self, send: Sent, receiver: Receiver, status: int) -> None:
        receiver.behaviours["/"] = answering(status, [f"Location: {receiver.url('/other')}"])
        outcome = await send(receiver.url())
        assert (outcome.status, outcome.error) == (status, "unexpected_status")
        assert [received.path for received in receiver.received] == ["/"]

    async def test_a_proxy_is_not_used(self, send: Sent, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        assert (await send(receiver.url())).status == 200

    async def test_a_large_answer_is_not_read(self, send: Sent, receiver: Receiver) -> None:
        written: list[int] = []

        async def flood(_received: Any, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n")
            for _ in range(10_000):
                writer.write(b"x" * 1000)
                await writer.drain()
                written.append(1000)

        receiver.behaviours["/"] = flood
        outcome = await send(receiver.url(), timeout=10)
        assert (outcome.status, outcome.error) == (200, None)
        assert sum(written) < 10_000_000

    async def test_a_slow_body_does_not_matter(self, send: Sent, receiver: Receiver) -> None:
        async def trickle(_received: Any, writer: asyncio.StreamWriter) -> None:
            await saying(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")(_received, writer)
            await writer.wait_closed()

        receiver.behaviours["/"] = trickle
        assert (await send(receiver.url())).error is None

    async def test_no_answer(self, send: Sent, receiver: Receiver) -> None:
        receiver.behaviours["/"] = hanging
        outcome = await send(receiver.url(), timeout=0.3)
        assert (outcome.status, outcome.error) == (None, "timeout")
        assert outcome.duration_ms >= 300

    async def test_an_answer_that_comes_drop_by_drop(self, send: Sent, receiver: Receiver) -> None:
        async def trickle(_received: Any, writer: asyncio.StreamWriter) -> None:
            while True:
                await saying(b"HTTP/1.1 100 Continue\r\n\r\n")(_received, writer)
                await asyncio.sleep(0.01)  # a server that never comes to its answer

        receiver.behaviours["/"] = trickle
        assert (await send(receiver.url(), timeout=0.3)).error == "timeout"

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"garbage\r\n\r\n",
            b"HTTP/1.1 200",
            b"HTTP/1.1 99999 OK\r\n\r\n",
            b"\x00" * 100,
            b"HTTP/1.1 200 OK\r\nA: " + b"x" * 1_000_000 + b"\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.2\r\n",
        ],
        ids=["nothing", "garbage", "half", "status", "nul", "header", "ssh"],
    )
    async def test_no_http(self, send: Sent, receiver: Receiver, content: bytes) -> None:
        receiver.behaviours["/"] = saying(content)
        outcome = await send(receiver.url())
        assert (outcome.status, outcome.error) in ((None, "invalid_answer"), (None, "connection_failed"))

    async def test_nobody_listens(self, send: Sent) -> None:
        outcome = await send(f"https://{HOST}:{free_port()}/")
        assert (outcome.status, outcome.error) == (None, "connection_failed")


class TestAddresses:
    async def test_a_name_without_address(self, send: Sent, receiver: Receiver, names: Names) -> None:
        names.set(HOST, [])
        assert (await send(receiver.url())).error == "name_not_found"

    @pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1"])
    async def test_a_private_address_is_refused(
        self, send: Sent, receiver: Receiver, names: Names, address: str
    ) -> None:
        names.set(HOST, [address])
        assert (await send(receiver.url(), allow="")).error == "address_refused"
        assert receiver.connections == 0

    @pytest.mark.parametrize("addresses", [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"]])
    async def test_one_private_address_of_several_refuses_all(
        self, send: Sent, receiver: Receiver, names: Names, addresses: list[str]
    ) -> None:
        names.set(HOST, addresses)
        assert (await send(receiver.url())).error == "address_refused"
        assert receiver.connections == 0

    async def test_each_attempt_asks_again(self, send: Sent, receiver: Receiver, names: Names) -> None:
        names.set(HOST, ["127.0.0.1"], ["10.0.0.1"])
        assert (await send(receiver.url())).error is None
        assert (await send(receiver.url())).error == "address_refused"

    async def test_the_address_that_was_checked_is_the_one_that_is_connected(
        self, send: Sent, receiver: Receiver, names: Names
    ) -> None:
        """A second lookup would find another address: DNS rebinding."""
        names.set(HOST, ["127.0.0.1"], ["127.0.0.2"], ["10.0.0.1"])
        assert (await send(receiver.url())).error is None
        assert names.lookups == [HOST]

    async def test_the_next_address_is_tried(self, send: Sent, receiver: Receiver, names: Names) -> None:
        names.set(HOST, ["127.9.9.9", "127.0.0.1"])
        assert (await send(receiver.url())).error is None

    @pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"])
    async def test_an_address_in_the_url_is_checked_too(
        self, send: Sent, receiver: Receiver, names: Names, host: str
    ) -> None:
        assert (await send(receiver.url(host=host), allow="")).error == "address_refused"
        assert names.lookups == []

    async def test_plain_http_goes_to_allowed_networks_only(self, send: Sent, names: Names) -> None:
        plain = await Receiver(None).start()
        try:
            assert (await send(plain.url())).error is None
            assert (await send(plain.url(), allow="10.0.0.0/8")).error == "address_refused"
            names.set(HOST, ["93.184.216.34"])
            assert (await send(plain.url())).error == "address_refused"
            assert plain.connections == 1
        finally:
            await plain.stop()


class TestTls:
    async def test_the_certificate_must_be_for_the_name(self, send: Sent, receiver: Receiver, names: Names) -> None:
        names.set("other.example", ["127.0.0.1"])
        assert (await send(receiver.url(host="other.example"))).error == "tls_failed"
        assert (await send(receiver.url(host="127.0.0.1"))).error == "tls_failed"
        assert receiver.received == []

    async def test_the_authority_must_be_trusted(
        self, send: Sent, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory, names: Names
    ) -> None:
        stranger = Authority(tmp_path_factory.mktemp("stranger"))
        assert (await Sent(names, stranger)(receiver.url())).error == "tls_failed"

    async def test_the_server_hears_the_name(self, send: Sent, certificates: Authority) -> None:
        heard: list[str] = []
        context = certificates.server_context(HOST)

        def note(_socket: ssl.SSLObject, name: str, _context: ssl.SSLContext) -> None:
            heard.append(name)

        context.sni_callback = note
        server = await Receiver(context).start()
        assert (await send(server.url())).error is None
        assert heard == [HOST]
        await server.stop()

    async def test_a_server_without_tls(self, send: Sent) -> None:
        plain = await Receiver(None).start()
        outcome = await send(plain.url().replace("http://", "https://"))
        assert outcome.error in ("tls_failed", "connection_failed", "timeout")
        await plain.stop()


class TestResolver:
    async def test_of_this_machine(self) -> None:
        resolver = SystemResolver()
        assert "127.0.0.1" in await resolver.find_addresses("localhost", 443)
        assert await resolver.find_addresses("127.0.0.1", 443) == ["127.0.0.1"]

    @pytest.mark.parametrize("host", ["name.invalid", "a" * 300, "a..b", ""])
    def test_a_bad_name_has_no_address(self, host: str) -> None:
        assert not [address for address in addresses_of(host, 443) if not address.startswith(("127.", "::1"))]

    async def test_a_lookup_that_hangs_is_made_once_and_stops_no_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
        released, started = threading.Event(), []

        def look_up(host: str, _port: int) -> list[str]:
            started.append(host)
            if host == "slow.example":
                released.wait(30)
            return ["1.1.1.1"]

        monkeypatch.setattr("myapp.webhooks.resolving.addresses_of", look_up)
        resolver = SystemResolver()
        slow = [asyncio.create_task(resolver.find_addresses("slow.example", 443)) for _ in range(50)]
        assert await resolver.find_addresses("quick.example", 443) == ["1.1.1.1"]
        slow[0].cancel()
        released.set()
        assert await asyncio.gather(*slow[1:]) == [["1.1.1.1"]] * 49
        assert sorted(started) == ["quick.example", "slow.example"]
        assert await resolver.find_addresses("slow.example", 443) == ["1.1.1.1"]
        assert len(started) == 3


class TestPing:
    async def test_is_sent_at_once(self, hook: Hook, admin: httpx.AsyncClient, receiver: Receiver) -> None:
        webhook = await hook()
        response = await admin.post(f"/api/v1/webhooks/{webhook['id']}/ping")
        assert response.status_code == 200
        answer = response.json()
        assert (answer["status"], answer["error"]) == (200, None)
        [received] = receiver.received
        message = received.verify(webhook["secret"])
        assert (message["type"], message["data"]) == ("webhook.ping", {"webhook_id": webhook["id"]})

    async def test_tells_the_fault(
        self, hook: Hook, admin: httpx.AsyncClient, receiver: Receiver, container: PicoContainer
    ) -> None:
        webhook = await hook()
        receiver.behaviours["/"] = answering(418, body=b"secret")
        answer = (await admin.post(f"/api/v1/webhooks/{webhook['id']}/ping")).json()
        assert (answer["status"], answer["error"]) == (418, "unexpected_status")
        receiver.behaviours["/"] = hanging
        answer = (await admin.post(f"/api/v1/webhooks/{webhook['id']}/ping")).json()
        assert (answer["status"], answer["error"]) == (None, "timeout")

    async def test_works_while_disabled_and_disables_nothing(
        self, hook: Hook, admin: httpx.AsyncClient, receiver: Receiver
    ) -> None:
        webhook = await hook()
        path = f"/api/v1/webhooks/{webhook['id']}"
        receiver.behaviours["/"] = answering(410)
        assert (await admin.post(f"{path}/ping")).json()["status"] == 410
        assert (await admin.get(path)).json()["enabled"]
        receiver.behaviours.clear()
        await admin.patch(path, json={"enabled": False})
        assert (await admin.post(f"{path}/ping")).json()["status"] == 200
