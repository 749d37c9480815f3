"""`products-api token`: where it sends a password, and its messages."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from click.testing import Result
from typer.testing import CliRunner

from myapp.cli.main import cli

from ..databases import in_thread
from ..platform.test_urls import NO_BASES, NO_URLS


class LoginServer(ThreadingHTTPServer):
    """Answers every POST with ``status`` and ``body``."""

    status = 200
    body = b""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: LoginServer

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[LoginServer]:
    with LoginServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def token(*arguments: str, **environment: str) -> Result:
    arguments = ("token", "alice", *arguments)
    return in_thread(lambda: CliRunner().invoke(cli, arguments, input="correct horse\n", env=environment))


def assert_fails(result: Result, message: str) -> None:
    assert isinstance(result.exception, SystemExit)
    assert result.output == f"products-api: {message}\n"


def test_the_token_is_all_that_is_printed(server: LoginServer) -> None:
    server.body = b'{"access_token": "a.b.c"}'
    assert token("--issuer", server.url).output == "a.b.c\n"


def test_a_refusal_gives_its_title(server: LoginServer) -> None:
    server.status, server.body = 401, b'{"title": "Invalid user name or password"}'
    assert_fails(token("--issuer", server.url), "the auth server refused the login: Invalid user name or password")


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("body", [b"", b"<html>Not found</html>", b"[]", b"{}", b"null", b"\xff"])
def test_a_server_without_this_login(server: LoginServer, status: int, body: bytes) -> None:
    server.status, server.body = status, body
    assert_fails(token("--issuer", server.url), f"{server.url} has no /login; is it the bundled auth server?")


class TestPlainHttp:
    """A name of the domain ``.invalid`` leads nowhere: "does not answer" shows that the address was allowed."""

    MESSAGE = "must be https, or http to a host of auth.insecure_hosts (AUTH__INSECURE_HOSTS)"

    def test_no_password_goes_to_another_machine(self) -> None:
        assert_fails(token("--issuer", "http://login.invalid"), f"--issuer: {self.MESSAGE}")

    def test_nor_to_the_issuer_of_the_settings(self) -> None:
        result = token(AUTH_CLIENT__ISSUER="http://login.invalid")
        assert_fails(result, f"auth_client.issuer: {self.MESSAGE}")

    def test_a_setting_can_allow_it(self) -> None:
        result = token("--issuer", "http://login.invalid", AUTH__INSECURE_HOSTS='["login.invalid"]')
        assert "the auth server at http://login.invalid does not answer" in result.output


class TestAddress:
    @pytest.mark.parametrize("url", NO_URLS)
    def test_what_is_no_url_is_one_line(self, url: str) -> None:
        result = token("--issuer", url)
        assert isinstance(result.exception, SystemExit)
        assert result.output.startswith("products-api: --issuer: must be a URL")
        assert result.output.count("\n") == 1

    @pytest.mark.parametrize("url", NO_BASES)
    def test_the_path_of_the_login_is_appended(self, url: str) -> None:
        assert_fails(token("--issuer", url), "--issuer: must be a URL without user name, query and fragment")

    @pytest.mark.parametrize("proxy", ["nonsense://[", "http://proxy.invalid:port", "socks5://127.0.0.1:9"])
    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_a_wrong_proxy_is_one_line(self, proxy: str, scheme: str) -> None:
        result = token("--issuer", f"{scheme}://127.0.0.1:9", HTTPS_PROXY=proxy)
        assert isinstance(result.exception, SystemExit)
        assert result.output.startswith(f"products-api: the auth server at {scheme}://127.0.0.1:9 does not answer (")
        assert result.output.count("\n") == 1

    @pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY", "all_proxy"])
    def test_plain_http_goes_to_no_proxy(self, server: LoginServer, variable: str) -> None:
        server.body = b'{"access_token": "a.b.c"}'
        for address in (server.url, server.url.replace("http", "HTTP")):
            result = token("--issuer", address, **{variable: "http://127.0.0.1:9"})
            assert result.output == "a.b.c\n"

    def test_no_redirect_is_followed(self, server: LoginServer) -> None:
        server.status, server.body = 307, b""
        assert_fails(token("--issuer", server.url), f"{server.url} has no /login; is it the bundled auth server?")
