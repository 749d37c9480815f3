"""Log in at /docs, send a request and see the answer. The page requests nothing from other hosts."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, sync_playwright

from ..databases import Databases
from .provider import CLIENT_ID, Provider
from .system import PASSWORD, System

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.parametrize("database_kind", ["sqlite"], scope="session"),
]


@contextmanager
def browsing() -> Iterator[Page]:
    """Yield a page of a browser. Fail at the end if it requested another host or had a script error."""
    foreign: list[str] = []
    faults: list[str] = []

    def watch(route: Route) -> None:
        if urlsplit(route.request.url).hostname not in ("127.0.0.1", None):
            foreign.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
        )
        context = browser.new_context()
        context.set_default_timeout(60_000)
        context.route("**/*", watch)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        yield page
        browser.close()
    assert foreign == []
    assert faults == []


def test_log_in_with_user_name_and_password(system: System) -> None:
    with browsing() as page:
        page.goto(f"{system.api}/docs")
        page.get_by_role("button", name="Authorize").first.click()
        page.locator("#oauth_username").fill("manager")
        page.locator("#oauth_password").fill("wrong")
        authorize(page, "login")
        page.get_by_text("The user name or the password is wrong.").first.wait_for()
        page.locator("#oauth_password").fill(PASSWORD)
        authorize(page, "login")
        page.get_by_role("button", name="Close").first.click()
        assert create(page, '{"name": "Made in a browser", "price": 12.5}') == "201"

        kept = page.evaluate("localStorage.getItem('authorized')")
        assert json.loads(kept)["login"]["token"]["token_type"] == "Bearer"
        assert PASSWORD not in kept
        page.goto("about:blank")
        page.goto(f"{system.api}/docs")
        assert create(page, '{"name": "Made on a later visit", "price": 12.5}') == "201"


def test_paste_a_token(system: System) -> None:
    with browsing() as page:
        page.goto(f"{system.api}/docs")
        page.get_by_role("button", name="Authorize").first.click()
        page.get_by_label("auth-bearer-value").fill(system.login("manager"))
        authorize(page, "bearer")
        page.get_by_role("button", name="Close").first.click()
        assert create(page, '{"name": "Made with a token", "price": 12.5}') == "201"


def test_redoc(system: System) -> None:
    with browsing() as page:
        page.goto(f"{system.api}/redoc")
        page.get_by_role("heading", name="Products API").wait_for()


def test_log_in_on_the_page_of_another_issuer(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases, database_kind: str
) -> None:
    with Provider("product-manager") as provider:
        settings = {"AUTH_CLIENT__ISSUER": provider.url, "DOCS__CLIENT_ID": CLIENT_ID, "DOCS__SCOPES": '["openid"]'}
        system = System(tmp_path_factory.mktemp("system"), databases.empty(database_kind), settings=settings)
        with system.products_api(), browsing() as page:
            page.goto(f"{system.api}/docs")
            page.get_by_role("button", name="Authorize").first.click()
            with page.expect_popup() as opened:
                authorize(page, "login")
            opened.value.get_by_text("Log in as Ann").click()
            page.get_by_role("button", name="Remove authorization").wait_for()
            page.get_by_role("button", name="Close").first.click()
            assert send(page, "Users", "get_own_profile") == "200"
            assert create(page, '{"name": "Made after a login", "price": 12.5}') == "201"
    [asked] = provider.asked
    assert asked["response_type"] == "code"
    assert asked["client_id"] == CLIENT_ID
    assert asked["scope"] == "openid"
    assert asked["audience"] == "products-api"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"{system.api}/docs/oauth2-redirect"


def authorize(page: Page, scheme: str) -> None:
    """Press the button of a scheme in the dialog."""
    form = page.locator(".auth-container").filter(has=page.get_by_role("heading", name=scheme))
    form.get_by_role("button", name="Apply").click()


def create(page: Page, body: str) -> str:
    return send(page, "Products", "create_product", body)


def send(page: Page, group: str, operation_id: str, body: str = "") -> str:
    """Try an operation out, and return the status of its answer."""
    operation = page.locator(f"#operations-{group}-{operation_id}")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    if body:
        operation.locator("textarea").fill(body)
    operation.get_by_role("button", name="Execute").click()
    status = operation.locator(".live-responses-table .response-col_status").last
    return (status.text_content() or "").strip()[:3]
