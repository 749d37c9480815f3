"""A person at /docs: authorizes, sends a request, sees the answer; and the page asks nobody else for anything."""

import shutil
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, sync_playwright

from .system import System

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.parametrize("database_kind", ["sqlite"], scope="session"),
]


def test_docs_authorize_and_create(system: System) -> None:
    foreign: list[str] = []

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
        page = browser.new_page()
        page.route("**/*", watch)
        page.goto(f"{system.api}/docs")
        authorize(page, system.login("manager"))
        created = create(page, '{"name": "Made in a browser", "price": 12.5}')
        page.goto(f"{system.api}/redoc")
        page.get_by_role("heading", name="Products API").wait_for()
        browser.close()
    assert created == "201"
    assert foreign == []


def authorize(page: Page, token: str) -> None:
    page.get_by_role("button", name="Authorize").first.click()
    page.locator(".auth-container input").fill(token)
    page.locator(".auth-container").get_by_role("button", name="Apply credentials").click()
    page.get_by_role("button", name="Close").click()


def create(page: Page, body: str) -> str:
    operation = page.locator("#operations-Products-create_product")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.locator("textarea").fill(body)
    operation.get_by_role("button", name="Execute").click()
    status = operation.locator(".live-responses-table .response-col_status").last
    return (status.text_content() or "").strip()[:3]
