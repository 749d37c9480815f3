"""The first two minutes: auth server, API and worker on this machine, sample products, demo users, ready requests."""

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from ..platform.errors import StartupError
from .processes import Host, Port
from .token import login

USERS = {"viewer": "viewer", "manager": "product-manager", "admin": "admin"}
"""Demo users and the role of each."""

INLINE_ROWS = "20"
"""So that the worker has something to do: the sample catalogue is larger, but would not need one."""

START_TIMEOUT = 30.0
STOP_TIMEOUT = 35.0


def demo(host: Host = "127.0.0.1", port: Port = 8000, auth_port: Port = 8100) -> None:
    """Run auth server, API and worker with sample products and demo users; Ctrl-C stops all."""
    from ..platform.startup import exit_on_startup_error

    issuer, api = f"http://127.0.0.1:{auth_port}", f"http://{host}:{port}"
    os.environ |= {"AUTHSERVER__ISSUER__URL": issuer, "AUTH_CLIENT__ISSUER": issuer, "WEB__PUBLIC_URL": api}
    os.environ.setdefault("REPORTS__INLINE_ROWS", INLINE_ROWS)
    signal.signal(signal.SIGTERM, interrupt)
    with exit_on_startup_error(), contextlib.suppress(KeyboardInterrupt):
        print("Loading the sample catalogue ...")
        loaded = asyncio.run(load_sample())
        print(f"{loaded} products loaded." if loaded else "There are products already; none loaded.")
        passwords = make_users()
        with (
            running("authserver.cli", "serve", "--port", str(auth_port)) as auth_server,
            running("myapp.cli", "worker") as worker,
            running("myapp.cli", "serve", "--host", host, "--port", str(port)) as server,
        ):
            wait_until_healthy(auth_server, f"{issuer}/health")
            wait_until_healthy(server, f"{api}/api/v1/health/ready")
            introduce(api, issuer, passwords)
            while all(process.poll() is None for process in (auth_server, worker, server)):
                time.sleep(0.3)
            raise StartupError("a process of the demo has ended")
    print("\nStopped.")


def interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


async def load_sample() -> int:
    from ..boot import create_container
    from ..products.sample import SampleCatalogue

    container = create_container()
    try:
        return await container.get(SampleCatalogue).load()
    finally:
        await container.ashutdown()


def make_users() -> dict[str, str]:
    """Each demo user's password, new at every start: none is ever known beforehand. Raises StartupError."""
    passwords = {name: secrets.token_urlsafe(12) for name in USERS}
    for name, role in USERS.items():
        account = ["--email", f"{name}@example.com", "--name", f"Demo {name}", "--role", role]
        added = authserver(["users", "add", name, *account, "--password-stdin"], passwords[name])
        changed = added or authserver(["users", "set-password", name, "--password-stdin"], passwords[name])
        if not changed:
            raise StartupError("the auth server's users cannot be changed; `authserver users list` tells why")
    return passwords


def authserver(arguments: list[str], standard_input: str) -> bool:
    from ..boot import ROOT

    command = [sys.executable, "-m", "authserver.cli", *arguments]
    return subprocess.run(command, input=standard_input, cwd=ROOT, text=True, capture_output=True).returncode == 0


@contextlib.contextmanager
def running(module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own, so that Ctrl-C reaches this one alone, which stops it in order."""
    from ..boot import ROOT

    process = subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=ROOT, start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_until_healthy(process: subprocess.Popen[bytes], url: str) -> None:
    import httpx

    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, timeout=2, trust_env=False).is_success:
                return
        time.sleep(0.1)
    raise StartupError(f"nothing healthy at {url}; is the port taken?")


def introduce(api: str, issuer: str, passwords: dict[str, str]) -> None:
    from ..boot import settings_of
    from ..platform.mail.settings import MailSettings

    tokens = {name: login(issuer, name, password) for name, password in passwords.items()}
    print(f"\nAPI          {api}/api/v1/products/\nSwagger UI   {api}/docs\nAuth server  {issuer}\n")
    print("Tokens, good for 15 minutes:\n")
    for name, password in passwords.items():
        print(f"{name} ({USERS[name]}), password {password}\n{tokens[name]}\n")
    bearer = f'-H "Authorization: Bearer {tokens["manager"]}"'
    json_body = '-H "Content-Type: application/json" -d'
    print("Create a product, find it, fail to update a version that is gone (412), and without a token (401):\n")
    print(f"""curl -i {api}/api/v1/products/ {bearer} {json_body} '{{"name": "Folding Desk", "price": 189.90}}'""")
    wanted = "search=desk&max_price=200&sort=-price&page_size=2"
    print(f"""curl -i "{api}/api/v1/products/paged?{wanted}" {bearer}""")
    stale = "-X PUT -H 'If-Match: \"99\"'"
    print(f"""curl -i {stale} {api}/api/v1/products/1 {bearer} {json_body} '{{"stock": 3}}'""")
    print(f"""curl -i {stale} {api}/api/v1/products/1 {json_body} '{{"stock": 3}}'""")
    reports = f"{api}/api/v1/reports/"
    print("\nAsk for a report, see how it is getting on, and with its id fetch the file:\n")
    print(f"""curl -i {reports} {bearer} {json_body} '{{"kind": "inventory", "format": "pdf"}}'""")
    print(f"curl -i {reports} {bearer}")
    print(f"curl -o inventory.pdf {reports}ID/file {bearer}")
    print(f"\nMails are files in {settings_of(MailSettings).folder}")
    print(f'\nA new token: curl -s {issuer}/login {json_body} \'{{"username": "manager", "password": "..."}}\'')
    print("Ctrl-C stops all.", flush=True)
