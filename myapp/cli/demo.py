"""Run auth server, API and worker on this machine, with sample products, demo users and example requests."""

import asyncio
import contextlib
import json
import logging
import os
import re
import secrets
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..platform.errors import StartupError
from ..platform.signals import stop_on_hangup
from ..platform.web.server_options import Host, Port

USERS = {"viewer": "viewer", "manager": "product-manager", "admin": "admin"}
"""Demo users and the role of each."""

INLINE_ROWS = "20"
"""Reports of more rows go to the worker. The default is higher than the sample catalogue."""

START_TIMEOUT = 30.0
STOP_TIMEOUT = 35.0

LAST_LINES = 12
"""Number of log lines to show when a process has ended."""

SCREEN = """\
API           {api}/api/v1/products/
Swagger UI    {api}/docs  (Authorize: user name and password)
Auth server   {issuer}
Mails, log    {mails}, {log}

{users}

export TOKEN=$(echo '{password}' | {token} manager)

# create; find; update an old version (412); no token (401); ask for a report
{requests}
Ctrl-C stops all.\
"""

FAILURE = re.compile(r"\b(ERROR|CRITICAL|Traceback)\b")
"""Log lines with one of these words are shown at once."""


def demo(host: Host = "127.0.0.1", port: Port = 8000, auth_port: Port = 8100) -> None:
    """Run auth server, API and worker with sample products and demo users; Ctrl-C stops all.

    Each start gives the users viewer, manager and admin new passwords. Do not run it against an auth server where
    users of these names are real.
    """
    from pico_client_auth.config import AuthClientSettings

    from ..boot import settings_of
    from ..platform.startup import exit_on_startup_error

    with exit_on_startup_error():
        usual_issuer = settings_of(AuthClientSettings).issuer
    issuer, api = f"http://127.0.0.1:{auth_port}", f"http://{host}:{port}"
    token = [*own_command(), "token", *([] if issuer == usual_issuer else ["--issuer", issuer])]
    origins = {api, f"http://127.0.0.1:{port}", f"http://localhost:{port}"}
    os.environ |= {"AUTHSERVER__ISSUER__URL": issuer, "AUTH_CLIENT__ISSUER": issuer, "WEB__PUBLIC_URL": api}
    for name, value in (
        ("AUTHSERVER__WEB__CORS_ORIGINS", json.dumps(sorted(origins))),
        ("REPORTS__INLINE_ROWS", INLINE_ROWS),
    ):
        os.environ[name] = os.environ.get(name) or value
    logging.getLogger("alembic").setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, interrupt)
    stop_on_hangup()  # the processes have sessions of their own
    with exit_on_startup_error(), contextlib.suppress(KeyboardInterrupt):
        print("Starting auth server, API and worker ...", flush=True)
        log = log_file()
        asyncio.run(load_sample())
        passwords = make_users()
        with (
            running(log, "authserver.cli", "serve", "--port", str(auth_port)) as auth_server,
            running(log, "myapp.cli", "worker") as worker,
            running(log, "myapp.cli", "serve", "--host", host, "--port", str(port)) as server,
        ):
            processes = {"auth server": auth_server, "worker": worker, "API": server}
            wait_until_healthy(auth_server, f"{issuer}/health", log)
            wait_until_healthy(server, f"{api}/api/v1/health/ready", log)
            print(screen(api, issuer, shlex.join(token), passwords, log), flush=True)
            watch(processes, log)
    print("\nStopped.")


def interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def project_folder() -> Path:
    from ..boot import ROOT  # imports the whole application, so only when the demo runs

    return ROOT


def log_file() -> Path:
    """Return the empty file for the output of all processes."""
    file = project_folder() / "data" / "demo.log"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"")
    return file


async def load_sample() -> None:
    from ..boot import create_container
    from ..products.sample import SampleCatalogue

    container = create_container()
    try:
        await container.get(SampleCatalogue).load()
    finally:
        await container.ashutdown()


def make_users() -> dict[str, str]:
    """Return a new password of each demo user. Raises StartupError."""
    passwords = {name: secrets.token_urlsafe(12) for name in USERS}
    with ThreadPoolExecutor(len(USERS)) as threads:
        made = all(threads.map(make_user, passwords, passwords.values()))
    if not made:
        raise StartupError("the auth server's users cannot be changed; `authserver users list` tells why")
    return passwords


def make_user(name: str, password: str) -> bool:
    account = ["--email", f"{name}@example.com", "--name", f"Demo {name}", "--role", USERS[name]]
    return authserver(["users", "add", name, *account, "--password-stdin"], password) or authserver(
        ["users", "set-password", name, "--password-stdin"], password
    )


def authserver(arguments: list[str], standard_input: str) -> bool:
    """Run a command of the auth server. Return whether it succeeded."""
    command = [sys.executable, "-m", "authserver.cli", *arguments]
    ended = subprocess.run(command, input=standard_input, cwd=project_folder(), text=True, capture_output=True)
    return ended.returncode == 0


@contextlib.contextmanager
def running(log: Path, module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process in its own session. Ctrl-C then reaches only the demo, which stops the processes one by one."""
    command = [sys.executable, "-m", module, *arguments]
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=project_folder(), stdout=output, stderr=output, start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_until_healthy(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    import httpx

    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, timeout=2, trust_env=False).is_success:
                return
        time.sleep(0.1)
    raise StartupError(f"nothing healthy at {url}; is the port taken?\n{tail(log)}")


def watch(processes: Mapping[str, subprocess.Popen[bytes]], log: Path) -> None:
    """Print each log line with a failure. Raises StartupError when a process has ended."""
    with log.open(encoding="utf-8", errors="replace") as lines:
        while not (ended := [name for name, process in processes.items() if process.poll() is not None]):
            for line in filter(FAILURE.search, lines):
                print(line.rstrip(), flush=True)
            time.sleep(0.3)
    raise StartupError(f"the {ended[0]} has ended\n{tail(log)}")


def tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join([f"The end of {shown(log)}:", *lines[-LAST_LINES:]])


def screen(api: str, issuer: str, token: str, passwords: dict[str, str], log: Path) -> str:
    """Return addresses, users and example requests. They fit on one screen."""
    from ..boot import settings_of
    from ..platform.mail.settings import MailSettings

    width = max(map(len, USERS.values()))
    users = (f"{name:<12}  {USERS[name]:<{width}}  password {password}" for name, password in passwords.items())
    bearer, body = '-H "Authorization: Bearer $TOKEN"', "-H Content-Type:application/json -d"
    products, stale = f"{api}/api/v1/products", "-X PUT -H 'If-Match: \"9\"'"
    requests = (
        f"""curl -i {products}/ {bearer} {body} '{{"name": "Folding Desk", "price": 189.90}}'""",
        f"""curl -i "{products}/paged?search=desk&max_price=200&sort=-price&page_size=2" {bearer}""",
        f"""curl -i {products}/1 {stale} {bearer} {body} '{{"stock":3}}'""",
        f"curl -i {products}/1",
        f"""curl -i {api}/api/v1/reports/ {bearer} {body} '{{"kind": "inventory", "format": "pdf"}}'""",
    )
    return SCREEN.format(
        api=api,
        issuer=issuer,
        mails=shown(Path(settings_of(MailSettings).folder)),
        log=shown(log),
        users="\n".join(users),
        password=passwords["manager"],
        token=token,
        requests="\n".join(requests),
    )


def own_command() -> list[str]:
    """Return the command as the user typed it, or an equal one."""
    command = Path(sys.argv[0])
    return [shown(Path(sys.executable)), "-m", "myapp.cli"] if command.suffix == ".py" else [shown(command)]


def shown(path: Path) -> str:
    """Return ``path`` as the user would type it: relative if it is in the working directory."""
    path = Path(os.path.abspath(path))
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
