"""A small OpenID provider for one public client: a login page, authorization codes with PKCE, keys."""

import base64
import hashlib
import html
import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from ..issuer import AUDIENCE, DISCOVERY, KEYS, Issuer

CLIENT_ID = "products-docs"


class Provider:
    """Runs the provider on a free local port. Everybody who logs in has the role ``role``."""

    def __init__(self, role: str) -> None:
        self._role = role
        self._issuer = Issuer()
        self.asked: list[dict[str, str]] = []
        """The query of every authorization request."""
        self._codes: dict[str, dict[str, str]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "Provider":
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def document(self, path: str) -> Any:
        discovery = {
            "issuer": self.url,
            "jwks_uri": self.url + KEYS,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/oauth/token",
            "grant_types_supported": ["authorization_code", "password"],
        }
        return {DISCOVERY: discovery, KEYS: {"keys": self._issuer.published}}.get(path)

    def login_page(self, query: dict[str, str]) -> str:
        self.asked.append(query)
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        back = f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"
        return f'<!DOCTYPE html><title>Log in</title><a href="{html.escape(back)}">Log in as Ann</a>'

    def token(self, form: dict[str, str]) -> tuple[int, Any]:
        """Return the answer to a token request (RFC 6749 §4.1.3, RFC 7636 §4.6)."""
        asked = self._codes.pop(form.get("code", ""), {})
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        expected = {
            "grant_type": "authorization_code",
            "client_id": CLIENT_ID,
            "redirect_uri": asked.get("redirect_uri"),
        }
        proven = base64.urlsafe_b64encode(digest).decode().rstrip("=") == asked.get("code_challenge")
        if not proven or any(form.get(name) != value for name, value in expected.items()):
            return 400, {"error": "invalid_grant"}
        token = self._issuer.token(self._role, iss=self.url, aud=AUDIENCE)
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": 3600}

    def _handler(provider) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.path == "/authorize":
                    self.send(200, provider.login_page(dict(parse_qsl(parts.query))).encode(), "text/html")
                else:
                    document = provider.document(parts.path)
                    self.send(200 if document else 404, json.dumps(document).encode())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status, answer = provider.token(dict(parse_qsl(body)))
                self.send(status, json.dumps(answer).encode())

            def do_OPTIONS(self) -> None:
                self.send(204, b"")

            def send(self, status: int, body: bytes, media_type: str = "application/json") -> None:
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Access-Control-Allow-Origin", "*")
                self.send_header("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Requested-With")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        return Handler
