"""An issuer of tokens for tests: discovery and keys over real HTTP, tokens of any kind, and any fault."""

import json
import ssl
import threading
import time
import uuid
from collections.abc import Mapping
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwt.algorithms import RSAAlgorithm

DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/jwks.json"
AUDIENCE = "products-api"


class Issuer:
    """Listens on a local port from ``start`` to ``stop``, with ``tls`` by https. A second start uses the same port."""

    def __init__(self, audience: str = AUDIENCE, tls: ssl.SSLContext | None = None) -> None:
        self.audience = audience
        self.jwks_uri: str | None = None
        """The address of the keys in the discovery document, if they are not here."""
        self._tls = tls
        self.requests: list[str] = []
        """The paths of all requests, in order."""
        self.authorizations: list[str | None] = []
        """The header ``Authorization`` of all requests, in order."""
        self.keys: dict[str, RSAPrivateKey] = {}
        """The private keys by ``kid``. The last one signs."""
        self.published: list[Any] = []
        """The content of ``keys`` in the key set."""
        self.status = 200
        self.body: bytes | None = None
        """The answer to every request, instead of the documents."""
        self.location: str | None = None
        """The header ``Location`` of every answer."""
        self._numbers = count()
        self._answering = threading.Event()
        self._answering.set()
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.rotate()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    def start(self) -> "Issuer":
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.requests.append(self.path)
                issuer.authorizations.append(self.headers["Authorization"])
                issuer._answering.wait(30)
                status, body = issuer._answer(self.path)
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    if issuer.location:
                        self.send_header("Location", issuer.location)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # the client has closed the connection

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        if self._tls:
            self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Refuse connections."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def silence(self) -> None:
        """Accept connections, but do not answer until ``speak``."""
        self._answering.clear()

    def speak(self) -> None:
        self._answering.set()

    def rotate(self, kid: str | None = None, *, keep: bool = True) -> str:
        """Sign with a new key from now on. With ``keep``, the old keys stay published."""
        kid = kid or uuid.uuid4().hex
        self.keys[kid] = key = private_key(next(self._numbers))
        self.published = [*(self.published if keep else []), public_jwk(key, kid)]
        return kid

    def token(
        self,
        role: str | None = None,
        *,
        headers: Mapping[str, Any] | None = None,
        kid: str | None = None,
        key: Any = None,
        algorithm: str = "RS256",
        without: tuple[str, ...] = (),
        **claims: Any,
    ) -> str:
        """Return a token for a caller in ``role``. It is valid for an hour unless ``claims`` replace ``exp``."""
        now = int(time.time())
        payload: dict[str, Any] = {
            "iss": self.url,
            "aud": self.audience,
            "sub": f"{role or 'somebody'}-1",
            "iat": now,
            "exp": now + 3600,
            "jti": uuid.uuid4().hex,
        }
        if role is not None:
            payload |= {"role": role, "roles": [role]}
        payload |= claims
        for name in without:
            payload.pop(name, None)
        kid = kid or next(reversed(self.keys))
        signer = self.keys[kid] if key is None else key
        return jwt.encode(payload, signer, algorithm, headers={"kid": kid, **(headers or {})})

    def _answer(self, path: str) -> tuple[int, bytes]:
        if self.body is not None:
            return self.status, self.body
        documents = {
            DISCOVERY: {"issuer": self.url, "jwks_uri": self.jwks_uri or self.url + KEYS},
            KEYS: {"keys": self.published},
        }
        if path not in documents:
            return 404, b"{}"
        return self.status, json.dumps(documents[path]).encode()


@cache
def private_key(number: int) -> RSAPrivateKey:
    """Make a key, which takes a while: so all issuers sign with the same first key, the same second one ..."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_jwk(key: RSAPrivateKey, kid: str, **members: Any) -> dict[str, Any]:
    jwk: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    return jwk | {"kid": kid, "use": "sig", "alg": "RS256"} | members
