"""``examples/client.py``: when it repeats a request, what it raises, and which webhooks it accepts."""

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from threading import Barrier
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from examples import client as module
from examples.client import (
    LONGEST_PAUSE,
    ApiError,
    NotFoundError,
    PreconditionFailedError,
    ProductsClient,
    verify,
)
from myapp.platform.database.types import utc_now
from myapp.webhooks.messages import Message
from myapp.webhooks.models import new_key, secret_of

Answer = httpx.Response | type[Exception]

OLD, NEW, OTHER = (f"whsec_{letter * 43}=" for letter in "ABC")
KEY = "Idempotency-Key"


def problem(status: int, code: str, headers: dict[str, str] | None = None, **members: Any) -> httpx.Response:
    document = {"code": code, "detail": "So it is.", "status": status, **members}
    media_type = {"Content-Type": "application/problem+json"}
    return httpx.Response(status, content=json.dumps(document), headers={**media_type, **(headers or {})})


class Service:
    """Gives prepared answers in their order; the last one again and again."""

    def __init__(self, *answers: Answer) -> None:
        self.answers: Sequence[Answer] = answers
        self.requests: list[httpx.Request] = []
        self.authorizations: list[str | None] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        # httpx changes the header of the request itself when it repeats it.
        self.authorizations.append(request.headers.get("Authorization"))
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if isinstance(answer, httpx.Response):
            return answer
        raise answer("broken")

    @property
    def keys(self) -> list[str | None]:
        return [request.headers.get(KEY) for request in self.requests]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that the client made, which take no time here."""
    made: list[float] = []
    monkeypatch.setattr(module.time, "sleep", made.append)
    return made


def connect(service: Callable[[httpx.Request], httpx.Response], **options: Any) -> ProductsClient:
    options = {"get_token": lambda: "token", "transport": httpx.MockTransport(service), **options}
    return ProductsClient("http://shop.example/products", **options)


@pytest.mark.usefixtures("pauses")
class TestRepetition:
    @pytest.mark.parametrize(
        "failure",
        [
            httpx.ConnectError,
            httpx.ReadError,
            httpx.WriteError,
            httpx.ReadTimeout,
            httpx.RemoteProtocolError,
            httpx.Response(429),
            httpx.Response(502, html="<p>Bad gateway</p>"),
            problem(503, "database_unavailable", {"Retry-After": "1"}),
            httpx.Response(504),
            problem(409, "idempotency_in_progress", {"Retry-After": "1"}),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
    def test_after_a_failure_that_passes(self, failure: Answer, method: str) -> None:
        service = Service(failure, failure, httpx.Response(200, json={}))
        assert connect(service).send(method, "products/1").status_code == 200
        assert len(service.requests) == 3
        assert len(set(service.keys)) == 1  # all tries have the same key
        assert (service.keys[0] is None) == (method == "GET")

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (problem(400, "malformed_body"), ApiError),
            (problem(403, "insufficient_scope"), ApiError),
            (problem(404, "not_found"), NotFoundError),
            (problem(409, "conflict"), ApiError),
            (problem(412, "precondition_failed"), PreconditionFailedError),
            (problem(422, "validation_failed"), ApiError),
            (problem(500, "internal_error"), ApiError),
            (httpx.Response(307, headers={"Location": "http://other.example/"}), ApiError),
        ],
        ids=str,
    )
    def test_not_after_a_refusal(self, answer: httpx.Response, kind: type[ApiError]) -> None:
        service = Service(answer)
        with pytest.raises(ApiError) as raised:
            connect(service).create_product({"name": "Lamp", "price": 1})
        assert type(raised.value) is kind
        assert len(service.requests) == 1

    def test_each_write_has_a_key_of_its_own(self) -> None:
        service = Service(httpx.Response(200, json={}))
        for _ in range(2):
            connect(service).create_product({"name": "Lamp", "price": 1})
        assert len(set(service.keys)) == 2

    def test_a_write_can_have_a_known_key(self) -> None:
        service = Service(httpx.ReadError, httpx.Response(200, json={}))
        connect(service).create_product({"name": "Lamp", "price": 1}, key="order-7")
        assert service.keys == ["order-7"] * 2

    @pytest.mark.parametrize(
        ("answer", "error"),
        [(httpx.ConnectError, httpx.ConnectError), (problem(503, "database_unavailable"), ApiError)],
        ids=str,
    )
    def test_ends_after_some_attempts(self, answer: Answer, error: type[Exception], pauses: list[float]) -> None:
        service = Service(answer)
        with pytest.raises(error):
            connect(service, attempts=12).get("products/1")
        assert len(service.requests) == 12
        assert len(pauses) == 11
        assert all(0 <= pause <= LONGEST_PAUSE for pause in pauses)

    def test_waits_as_long_as_the_service_asks(self, pauses: list[float]) -> None:
        moment = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
        answers = [httpx.Response(503, headers={"Retry-After": value}) for value in ("7", moment, "soon", "-3")]
        connect(Service(*answers, httpx.Response(200, json={}))).get("products/1")
        assert pauses[0] >= 7
        assert pauses[1] >= 15  # the date has whole seconds, and some have passed
        assert len(pauses) == 4

    @pytest.mark.parametrize("value", ["3600", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
    def test_does_not_wait_for_hours(self, value: str, pauses: list[float]) -> None:
        with pytest.raises(ApiError) as raised:
            connect(Service(httpx.Response(503, headers={"Retry-After": value}))).get("products/1")
        assert raised.value.retry_after > LONGEST_PAUSE
        assert pauses == []


class TestErrors:
    def test_have_the_members_of_the_problem(self) -> None:
        fault = {"pointer": "#/price", "code": "greater_than", "message": "Input should be greater than 0"}
        service = Service(problem(422, "validation_failed", {"X-Request-ID": "abc"}, errors=[fault]))
        with pytest.raises(ApiError, match=r"422 validation_failed: So it is\. .*#/price.* \[abc\]") as raised:
            connect(service).create_product({"name": "Lamp", "price": -1})
        error = raised.value
        assert (error.status, error.code, error.errors, error.request_id) == (422, "validation_failed", [fault], "abc")

    def test_tell_of_the_answer_of_a_proxy(self) -> None:
        with pytest.raises(ApiError, match="403 : Forbidden") as raised:
            connect(Service(httpx.Response(403, html="<p>No</p>"))).get("products/1")
        assert raised.value.code == ""


class TestTokens:
    def test_a_refused_token_is_replaced_once(self) -> None:
        tokens = (f"token-{number}" for number in count())
        service = Service(problem(401, "invalid_token"), httpx.Response(200, json={}))
        with connect(service, get_token=lambda: next(tokens)) as client:
            client.create_product({"name": "Lamp", "price": 1})
            client.get("products/1")
        assert service.authorizations == ["Bearer token-0", "Bearer token-1", "Bearer token-1"]
        assert service.keys[0] == service.keys[1]

    def test_a_second_refusal_is_an_error(self) -> None:
        service = Service(problem(401, "invalid_token"))
        with pytest.raises(ApiError) as raised:
            connect(service).get("products/1")
        assert raised.value.code == "invalid_token"
        assert len(service.requests) == 2

    def test_threads_share_the_new_token(self) -> None:
        together, numbers = Barrier(8), count()

        def service(request: httpx.Request) -> httpx.Response:
            if request.headers["Authorization"] == "Bearer 0":
                together.wait(10)  # all threads are refused before one of them can go on
                return problem(401, "invalid_token")
            return httpx.Response(200, json={})

        client = connect(service, get_token=lambda: str(next(numbers)))
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda _: client.get("products/1"), range(8)))
        assert next(numbers) == 2

    @pytest.mark.usefixtures("pauses")
    def test_an_issuer_that_cannot_be_reached_is_tried_again(self) -> None:
        issuer = Service(httpx.ConnectError, httpx.Response(200, json={"access_token": "token"}))
        login = httpx.Client(transport=httpx.MockTransport(issuer))

        def get_token() -> str:
            return str(login.post("http://issuer.example/login").json()["access_token"])

        service = Service(httpx.Response(200, json={}))
        connect(service, get_token=get_token).get("products/1")
        assert service.requests[0].headers["Authorization"] == "Bearer token"


class TestPages:
    def test_links_are_followed(self) -> None:
        link = {"Link": '</api/v1/reports/?page=1>; rel="first", </api/v1/reports/?page=2&kind=a%2Cb>; rel="next"'}
        service = Service(
            httpx.Response(200, json={"items": [1, 2]}, headers=link), httpx.Response(200, json={"items": [3]})
        )
        assert list(connect(service).items("reports/", kind="a,b")) == [1, 2, 3]
        assert str(service.requests[1].url) == "http://shop.example/api/v1/reports/?page=2&kind=a%2Cb"

    def test_a_link_to_another_host_does_not_get_the_token(self) -> None:
        link = {"Link": '<https://evil.example/api/v1/reports/?page=2>; rel="next"'}
        service = Service(
            httpx.Response(200, json={"items": []}, headers=link), httpx.Response(200, json={"items": []})
        )
        assert list(connect(service).items("reports/")) == []
        assert {request.url.host for request in service.requests} == {"shop.example"}


@pytest.mark.usefixtures("pauses")
class TestUpdates:
    def test_a_change_is_made_of_the_newest_version(self) -> None:
        def service(request: httpx.Request) -> httpx.Response:
            requests.append(request)
            version = str(1 + len(requests) // 2)
            if request.method == "GET":
                return httpx.Response(200, json={"stock": int(version)}, headers={"ETag": f'"{version}"'})
            return problem(412, "precondition_failed") if len(requests) < 6 else httpx.Response(200, json={})

        requests: list[httpx.Request] = []
        connect(service).update("products/1", lambda product: {"stock": product["stock"] * 10})
        writes = [request for request in requests if request.method == "PATCH"]
        assert [json.loads(request.content) for request in writes] == [{"stock": 10}, {"stock": 20}, {"stock": 30}]
        assert [request.headers["If-Match"] for request in writes] == ['"1"', '"2"', '"3"']
        assert len({request.headers[KEY] for request in writes}) == 3

    def test_ends_after_some_attempts(self) -> None:
        def service(request: httpx.Request) -> httpx.Response:
            if request.method == "GET":
                return httpx.Response(200, json={}, headers={"ETag": '"1"'})
            return problem(412, "precondition_failed")

        with pytest.raises(PreconditionFailedError):
            connect(service, attempts=3).update("products/1", lambda _: {"stock": 1})


BODY = b'{"type":"product.updated","timestamp":"2026-11-26T05:48:43.166604Z","data":{"product_id":44,"version":2}}'


def signed(*secrets: str, body: bytes = BODY, age: float = 0) -> dict[str, str]:
    """Return the headers of a message as the service sends them, signed with each of ``secrets``."""
    now = datetime.fromtimestamp(int(time.time() - age), UTC)
    signatures = [Webhook(secret).sign("msg_1", now, body.decode()) for secret in secrets]
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": " ".join(signatures),
    }


class TestWebhooks:
    @pytest.mark.parametrize("signers", [[OLD], [NEW], [OLD, NEW], [NEW, OLD], [OTHER, NEW]], ids=str)
    @pytest.mark.parametrize("headers", [dict, httpx.Headers])
    def test_a_message_is_accepted_during_a_rotation(
        self, signers: list[str], headers: Callable[[dict[str, str]], Any]
    ) -> None:
        assert verify(headers(signed(*signers)), BODY, OLD, NEW) == json.loads(BODY)

    def test_messages_of_the_service_are_accepted(self) -> None:
        before, after = new_key(), new_key()
        headers = Message("msg_1", BODY.decode()).headers([after, before], utc_now())
        for secrets in ([before], [after], [before, after]):
            assert verify(headers, BODY, *map(secret_of, secrets)) == json.loads(BODY)

    @pytest.mark.parametrize("known", [[OLD], [NEW]], ids=str)
    def test_a_receiver_with_one_of_the_secrets_accepts_it_too(self, known: list[str]) -> None:
        assert verify(signed(NEW, OLD), BODY, *known) == json.loads(BODY)

    @pytest.mark.parametrize("secrets", [[], [OTHER], [OTHER, OLD]], ids=str)
    def test_another_secret_is_refused(self, secrets: list[str]) -> None:
        with pytest.raises(WebhookVerificationError):
            verify(signed(NEW), BODY, *secrets)

    @pytest.mark.parametrize("age", [600, -600])
    def test_an_old_message_is_refused(self, age: float) -> None:
        with pytest.raises(WebhookVerificationError):
            verify(signed(NEW, age=age), BODY, NEW)

    @pytest.mark.parametrize("body", [BODY.replace(b"44", b"45"), BODY + b"\n", b"", b"\xff"], ids=str)
    def test_another_body_is_refused(self, body: bytes) -> None:
        with pytest.raises(WebhookVerificationError):
            verify(signed(NEW), body, NEW)

    @given(name=st.sampled_from(["Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"]), value=st.text())
    @example(name="Webhook-Signature", value="v1")
    @example(name="Webhook-Signature", value="v1,v1,v1")
    @example(name="Webhook-Signature", value="v1,é")
    @example(name="Webhook-Timestamp", value="nan")
    @example(name="Webhook-Timestamp", value="1e400")
    def test_other_headers_are_refused(self, name: str, value: str) -> None:
        headers = signed(NEW)
        if value != headers[name]:
            with pytest.raises(WebhookVerificationError):
                verify(headers | {name: value}, BODY, NEW)

    @pytest.mark.parametrize("name", ["Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"])
    def test_a_missing_header_is_refused(self, name: str) -> None:
        headers = signed(NEW)
        del headers[name]
        with pytest.raises(WebhookVerificationError):
            verify(headers, BODY, NEW)
