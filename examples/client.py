"""A client of Products API to copy: safe retries, pages, updates that lose nothing, and webhooks.

    export PASSWORD=...                   # of a user with `products:write`, such as the demo's manager
    python examples/client.py http://127.0.0.1:8000 http://127.0.0.1:8100 manager

It needs httpx, and standardwebhooks for ``verify``. Run like this, it creates, changes and finds a product.
"""

import os
import random
import sys
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from standardwebhooks import Webhook, WebhookVerificationError

Json = dict[str, Any]

API = "/api/v1/"
FIRST_PAUSE = 0.2
"""Seconds before the second try, at most. Each pause may be twice as long as the one before."""
LONGEST_PAUSE = 30.0
BROKEN_CONNECTION = (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError, httpx.ProxyError)
TEMPORARY = {429, 502, 503, 504}


class ApiError(Exception):
    """A request that was refused. Decide by ``code``; it is empty if something else than the service has answered."""

    def __init__(self, response: httpx.Response, problem: Json) -> None:
        self.status = response.status_code
        self.code: str = problem.get("code", "")
        self.detail: str = problem.get("detail", response.reason_phrase)
        self.errors: list[dict[str, str]] = problem.get("errors", [])
        self.request_id: str = response.headers.get("X-Request-ID", "")
        self.retry_after = seconds_of(response.headers.get("Retry-After", ""))
        super().__init__(f"{self.status} {self.code}: {self.detail} {self.errors or ''} [{self.request_id}]")

    @property
    def is_temporary(self) -> bool:
        """Tell whether the same request can succeed later."""
        return self.status in TEMPORARY or self.code == "idempotency_in_progress"


class NotFoundError(ApiError): ...


class PreconditionFailedError(ApiError): ...


ERRORS = {"not_found": NotFoundError, "precondition_failed": PreconditionFailedError}


class TokenAuth(httpx.Auth):
    """Send a token that ``get_token`` returns. A token that is refused is replaced once, for all threads together."""

    def __init__(self, get_token: Callable[[], str]) -> None:
        self._get_token = get_token
        self._token: str | None = None
        self._lock = threading.Lock()

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = self._token or self._replace(None)
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == 401:
            request.headers["Authorization"] = f"Bearer {self._replace(token)}"
            yield request

    def _replace(self, refused: str | None) -> str:
        with self._lock:
            if self._token is None or self._token == refused:
                self._token = self._get_token()
            return self._token


class ProductsClient:
    """``get_token`` returns a new token each time. ``options`` are those of httpx.Client. Threads may share a client.

    Methods raise ApiError. After ``attempts`` broken connections they raise the error of httpx.
    """

    def __init__(self, url: str, get_token: Callable[[], str], *, attempts: int = 6, **options: Any) -> None:
        options = {"timeout": httpx.Timeout(30, connect=5), **options}
        self._http = httpx.Client(base_url=url.rstrip("/") + API, auth=TokenAuth(get_token), **options)
        self._attempts = attempts

    def __enter__(self) -> "ProductsClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def send(self, method: str, path: str | httpx.URL, *, key: str | None = None, **options: Any) -> httpx.Response:
        """Send a request until there is an answer, and return a success.

        All tries of a write have one ``Idempotency-Key``, so it is carried out once. To repeat a write after a crash,
        give it a ``key`` that you have stored before, such as the number of an order.
        """
        headers = dict(options.pop("headers", {}))
        if method != "GET":
            headers["Idempotency-Key"] = key or str(uuid.uuid4())
        attempt = 0
        while True:
            attempt += 1
            wait = 0.0
            try:
                response = self._http.request(method, path, headers=headers, **options)
                if response.is_success:
                    return response
                error = error_of(response)
                wait = error.retry_after
                if not error.is_temporary or wait > LONGEST_PAUSE or attempt >= self._attempts:
                    raise error
            except BROKEN_CONNECTION:
                if attempt >= self._attempts:
                    raise
            time.sleep(wait + jitter(attempt))  # a service in trouble needs a rest, not more requests

    def get(self, path: str, **query: Any) -> Any:
        return self.send("GET", path, params=query).json()

    def create_product(self, product: Mapping[str, Any], *, key: str | None = None) -> Json:
        return object_of(self.send("POST", "products/", json=product, key=key))

    def update(self, path: str, change: Callable[[Json], Mapping[str, Any]]) -> Json:
        """Change a product or user without losing what others change at the same time.

        ``change`` gets the resource and returns the members to set. If somebody else was faster, it is called again
        with the resource as it is then.
        """
        attempt = 0
        while True:
            attempt += 1
            found = self.send("GET", path)
            condition = {"If-Match": found.headers["ETag"]}
            try:
                # A change of another version is another request, with a key of its own.
                return object_of(self.send("PATCH", path, json=change(found.json()), headers=condition))
            except PreconditionFailedError:
                if attempt >= self._attempts:
                    raise
            time.sleep(jitter(attempt))  # so that two writers do not meet again and again

    def products(self, **query: Any) -> Iterator[Json]:
        """Yield all products that match ``query``, along the cursors. Each comes once, even while others write."""
        page = self.get("products/scroll", **query)
        yield from page["items"]
        while page["next"]:
            page = self.get("products/scroll", **query, cursor=page["next"])
            yield from page["items"]

    def items(self, path: str, **query: Any) -> Iterator[Json]:
        """Yield the items of all pages of a list, such as ``reports/``, along the links of ``Link``."""
        response = self.send("GET", path, params=query)
        yield from response.json()["items"]
        while link := response.links.get("next"):
            # Only path and query are taken from the link: the token goes to no other host.
            target = response.url.join(link["url"]).raw_path
            response = self.send("GET", response.url.copy_with(raw_path=target))
            yield from response.json()["items"]


def verify(headers: Mapping[str, str], body: bytes, *secrets: str) -> Json:
    """Return the message of a webhook. Raises WebhookVerificationError unless one of ``secrets`` has signed it.

    ``body`` must be the bytes as they came. While you change the secret, give the old and the new one. A message can
    come twice, with the same ``webhook-id``: remember the ids that you have handled.
    """
    for webhook in [Webhook(secret) for secret in secrets]:
        try:
            message: Json = webhook.verify(body, dict(headers))
            return message
        except (WebhookVerificationError, ValueError):  # ValueError: the headers are malformed
            continue
    raise WebhookVerificationError("No secret has signed this message")


def error_of(response: httpx.Response) -> ApiError:
    """Return the error that a problem document (RFC 9457) tells of. A proxy may send something else, such as a page."""
    is_problem = response.headers.get("Content-Type", "").startswith("application/problem+json")
    problem = object_of(response) if is_problem else {}
    return ERRORS.get(problem.get("code", ""), ApiError)(response, problem)


def object_of(response: httpx.Response) -> Json:
    found: Json = response.json()
    return found


def seconds_of(value: str) -> float:
    """Return the seconds that a header ``Retry-After`` asks for: a number, or the time until a date."""
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0


def jitter(attempt: int) -> float:
    """Return a random pause, so that many clients do not come back at the same time."""
    return random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (attempt - 1)))


def main() -> None:
    url, issuer, user = sys.argv[1:]
    login = {"username": user, "password": os.environ["PASSWORD"]}

    def get_token() -> str:
        return str(httpx.post(f"{issuer}/login", json=login).raise_for_status().json()["access_token"])

    with ProductsClient(url, get_token) as client:
        made = client.create_product({"name": "Folding Desk", "price": 189.9, "stock": 3})
        changed = client.update(f"products/{made['id']}", lambda product: {"stock": product["stock"] - 1})
        print(f"product {changed['id']} has stock {changed['stock']} in version {changed['version']}")
        print("products with a desk in their name:", len(list(client.products(search="desk"))))


if __name__ == "__main__":
    main()
