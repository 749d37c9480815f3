"""Test `products-api demo` where test_readme.py does not: a failing process, the printed commands."""

import subprocess
import sys
from pathlib import Path

import pytest

from myapp.cli.demo import own_command, screen, shown, watch
from myapp.platform.errors import StartupError

LOG = """\
2026-11-26T06:09:29.052Z INFO myapp.requests [-] GET /api/v1/products/ 200 2.0ms sub=-
2026-11-26T06:09:29.053Z ERROR myapp.requests [-] the request failed
Traceback (most recent call last):
  File "x.py", line 1, in <module>
"""


@pytest.mark.slow  # it starts a process
def test_failures_are_shown_and_an_ended_process_ends_the_demo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "demo.log"
    log.write_text(LOG)
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1)"])
    with pytest.raises(StartupError, match="the API has ended") as ended:
        watch({"API": process}, log)
    assert capsys.readouterr().out.splitlines() == LOG.splitlines()[1:3]
    assert str(ended.value).endswith(LOG.rstrip())


@pytest.mark.parametrize(
    ("started", "printed"),
    [
        (".venv/bin/products-api", [".venv/bin/products-api"]),
        ("/opt/app/bin/products-api", ["/opt/app/bin/products-api"]),
        ("/opt/app/myapp/cli/__main__.py", [shown(Path(sys.executable)), "-m", "myapp.cli"]),
    ],
)
def test_the_command_is_the_one_that_was_used(
    monkeypatch: pytest.MonkeyPatch, started: str, printed: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [started, "demo"])
    assert own_command() == printed


def test_each_password_is_shown_once_and_that_of_the_manager_gets_the_token() -> None:
    passwords = {"viewer": "a-b_c", "manager": "d-e_f", "admin": "-hij"}
    text = screen("http://127.0.0.1:8000", "http://127.0.0.1:8100", "products-api token", passwords, Path("demo.log"))
    assert "export TOKEN=$(echo 'd-e_f' | products-api token manager)" in text
    assert [text.count(password) for password in passwords.values()] == [1, 2, 1]
