"""Run README's commands as a newcomer would."""

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from ..docs.examples import answer_of, compare, examples
from .system import ROOT, free_port

LEFT_BEHIND = shutil.ignore_patterns(".git", ".venv", "data", "*.egg-info", ".*cache", ".coverage*", ".hypothesis")
START_TIMEOUT = 300.0
FINISH_TIMEOUT = 40.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine"),
]


def block(name: str) -> str:
    """Return the fenced block after ``<!-- name -->``."""
    found = re.search(rf"<!-- {name} -->\n```\w*\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found, f"README has no block {name}"
    return found.group(1).strip()


def environment() -> dict[str, str]:
    """Return the environment without the variables of the tests."""
    foreign = re.compile("PYTEST|COV|.*__")
    return {name: value for name, value in os.environ.items() if not foreign.match(name)}


@pytest.mark.slow
def test_run(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(ROOT, tree, ignore=LEFT_BEHIND)
    port = free_port()
    command = f"{block('run')} --port {port} --auth-port {free_port()}"
    command = command.replace("python3 -m venv", f"{sys.executable} -m venv", 1)  # the Python under test
    output = tmp_path / "output"
    with output.open("wb") as sink:
        demo = subprocess.Popen(
            ["bash", "-c", command], cwd=tree, env=environment(), stdout=sink, stderr=sink, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_TIMEOUT
        while "Ctrl-C stops all." not in output.read_text():
            assert demo.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.2)
        screen = output.read_text()
        pasted = [line for line in screen.splitlines() if line.startswith(("export ", "curl "))]
        token = terminal(tree, pasted[0], 'echo "$TOKEN"').strip()
        for example in examples(ROOT / "README.md"):
            request = example.command.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
            compare(example, answer_of(terminal(tree, f"export TOKEN={token}", request)))
        answers = [terminal(tree, f"export TOKEN={token}", line) for line in pasted[1:]]
        report = report_made(answers[4], pasted[5].split()[2], token)
        mail = first_mail(tree)
    finally:
        os.killpg(demo.pid, signal.SIGINT)  # as a terminal does
        demo.wait(40)
    assert_small(screen[screen.index("Starting ") :])  # above is the output of pip
    assert [answer.split(maxsplit=2)[1] for answer in answers] == ["201", "200", "412", "401", "202"]
    assert '"name":"Folding Desk"' in answers[1]
    assert report.startswith(b"%PDF")
    assert "manager@example.com" in mail
    assert "Task reports.make" in (tree / "data/demo.log").read_text()  # the worker made it, not the API
    assert output.read_text().removeprefix(screen).strip() == "Stopped."
    assert terminal(tree, pasted[4]) == ""  # nothing listens any more


def terminal(folder: Path, *lines: str) -> str:
    """Run these lines in a shell in ``folder``. Return their standard output."""
    ran = subprocess.run(
        ["bash", "-c", "\n".join(lines)], cwd=folder, env=environment(), capture_output=True, text=True, timeout=60
    )
    return ran.stdout


def assert_small(screen: str) -> None:
    """Check that the output fits 24 lines of 85 columns, and has no token and no log lines."""
    lines = screen.splitlines()
    assert sum(max(1, math.ceil(len(line) / 85)) for line in lines) <= 24, screen
    assert "eyJ" not in screen
    assert not re.search(r"\b(INFO|WARNING|ERROR)\b", screen), screen


def report_made(asked: str, reports: str, token: str) -> bytes:
    """Wait for the report of the answer ``asked``, and return its file."""
    report = reports + json.loads(asked.splitlines()[-1])["id"]
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}, trust_env=False) as client:
        deadline = time.monotonic() + FINISH_TIMEOUT
        while (seen := client.get(report).json())["state"] != "done":
            assert time.monotonic() < deadline, seen
            time.sleep(0.2)
        return client.get(f"{report}/file").content


def first_mail(tree: Path) -> str:
    deadline = time.monotonic() + FINISH_TIMEOUT
    while not (mails := list((tree / "data/mail").glob("*.eml"))):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return mails[0].read_text()


def test_script(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", block("script")],
        cwd=ROOT,
        env=environment() | {"DATABASE__URL": f"sqlite+aiosqlite:///{tmp_path}/products.db"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.stdout.strip() == block("script output"), ran.stderr


def test_test_command_installs_and_runs_pytest() -> None:
    """Check only what the command contains. CI runs it on a fresh copy."""
    command = block("test")
    assert command.endswith("pytest")
    assert "requirements-dev.txt" in command
