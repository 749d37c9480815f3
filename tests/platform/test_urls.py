"""Which texts are URLs of other services."""

import pytest

from myapp.platform.urls import base_url, host_name, http_url

NO_URLS = [
    " ",
    "auth.example",
    "//auth.example",
    "/auth",
    "https://",
    "https:///login",
    "https:auth.example",
    "https://[",
    "https://[::1",
    "https://]",
    "https://auth.example:port",
    "https://auth.example:0",
    "https://auth.example:-1",
    "https://auth.example:65536",
    "https://auth .example",
    "https://auth.example /login",
    "https://auth.example/log in",
    " https://auth.example",
    "https://auth.example ",
    "https://auth.example\n",
    "https://auth.example\t/login",
    "https://auth\x00.example",
    "https://auth%2Eexample",
    "https://auth.example;a",
    "https://auth*",
    "https://xn--",
    "https://auth\u200b.example",
    "ftp://auth.example",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "ws://auth.example",
    pytest.param("https://" + "a" * 70_000, id="huge"),
]
NO_BASES = [
    "https://auth.example?x=1",
    "https://auth.example/#x",
    "https://ada:secret@auth.example",
    "https://auth.example?",
]


@pytest.mark.parametrize("url", NO_URLS)
def test_what_is_no_url_is_refused(url: str) -> None:
    for parse in (http_url, base_url):
        with pytest.raises(ValueError, match="must be a URL"):
            parse(url)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://auth.example", "auth.example"),
        ("HTTPS://AUTH.example/realms/a", "auth.example"),
        ("http://localhost:8100/", "localhost"),
        ("http://[::1]:8100", "::1"),
        ("http://10.0.0.1:65535", "10.0.0.1"),
        ("https://auth_server-1", "auth_server-1"),
        ("https://läden.example", "läden.example"),
    ],
)
def test_the_host_is_that_of_the_connection(url: str, host: str) -> None:
    assert http_url(url).host == base_url(url).host == host


def test_user_name_and_query_are_no_host() -> None:
    assert http_url("https://127.0.0.1\\@auth.example/@localhost?@localhost#@localhost").host == "auth.example"


@pytest.mark.parametrize("url", NO_BASES)
def test_paths_cannot_be_appended_to_everything(url: str) -> None:
    assert http_url(url).host == "auth.example"
    with pytest.raises(ValueError, match="without user name, query and fragment"):
        base_url(url)


@pytest.mark.parametrize(
    ("value", "host"),
    [("auth", "auth"), ("AUTH.Example", "auth.example"), ("10.0.0.1", "10.0.0.1"), ("[::1]", "::1"), ("a_b", "a_b")],
)
def test_a_host_is_written_as_in_a_url(value: str, host: str) -> None:
    assert host_name(value) == host


@pytest.mark.parametrize(
    "value", ["", " ", "http://auth", "auth:8100", "auth/", "auth/x", "a b", "ada@auth", "*", "*.example", "auth?", "["]
)
def test_what_is_no_host_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="must be a host name"):
        host_name(value)
