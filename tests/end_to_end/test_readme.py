"""README's commands, run as a newcomer would."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .system import ROOT, free_port

LEFT_BEHIND = shutil.ignore_patterns(".git", ".venv", "data", "*.egg-info", ".*cache", ".coverage*", ".hypothesis")
START_TIMEOUT = 300.0
FINISH_TIMEOUT = 40.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine"),
]


def block(name: str) -> str:
    """The fenced block after ``<!-- name -->``."""
    found = re.search(rf"<!-- {name} -->\n```\w*\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found, f"README has no block {name}"
    return found.group(1).strip()


def environment() -> dict[str, str]:
    """What a newcomer has: nothing that was set for the tests."""
    foreign = re.compile("PYTEST|COV|.*__")
    return {name: value for name, value in os.environ.items() if not foreign.match(name)}


def test_run(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(ROOT, tree, ignore=LEFT_BEHIND)
    command = f"{block('run')} --port {free_port()} --auth-port {free_port()}"
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
        printed = output.read_text()
        lines = [line for line in printed.splitlines() if line.startswith("curl ")]
        answers = [curl(line) for line in lines[:5]]
        report, mail = report_made(answers[4], lines[5], lines[6], tmp_path), first_mail(tree)
    finally:
        os.killpg(demo.pid, signal.SIGINT)  # as a terminal does
        demo.wait(40)
    assert [answer.split(maxsplit=2)[1] for answer in answers] == ["201", "200", "412", "401", "202"]
    assert '"name":"Folding Desk"' in answers[1]
    assert printed.count("\neyJ") == 3
    assert report.read_bytes().startswith(b"%PDF")
    assert "manager@example.com" in mail
    assert "Task reports.make" in output.read_text()  # not by the API: by the worker
    assert "Stopped." in output.read_text()
    again = subprocess.run(lines[3], shell=True, capture_output=True, text=True, timeout=10)
    assert again.returncode == 7  # curl: failed to connect


def curl(line: str, cwd: Path | None = None) -> str:
    return subprocess.run(line, shell=True, capture_output=True, text=True, timeout=10, cwd=cwd).stdout


def report_made(asked: str, look: str, fetch: str, folder: Path) -> Path:
    """The file of the report that ``asked`` answers for, fetched when it is done."""
    report_id = json.loads(asked.splitlines()[-1])["id"]
    deadline = time.monotonic() + FINISH_TIMEOUT
    while '"state":"done"' not in (seen := curl(look)):
        assert time.monotonic() < deadline, seen
        time.sleep(0.2)
    curl(fetch.replace("ID", report_id, 1), folder)
    return folder / "inventory.pdf"


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
    assert ran.stdout == "There is no such product.\n2 faults\nTrue 9.50\n", ran.stderr


def test_the_test_command_is_the_gates() -> None:
    """CI runs it on a fresh copy; here it is only checked that there is one and that its files are."""
    command = block("test")
    assert command.endswith("pytest")
    assert "requirements-dev.txt" in command
