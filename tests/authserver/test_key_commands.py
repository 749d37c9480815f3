"""The commands ``authserver keys``."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from authserver.keys.folder import KeyFolder

from .conftest import Run


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"AUTHSERVER__KEYS__DIRECTORY": str(tmp_path / "keys")}


class TestList:
    def test_a_folder_that_is_not_there(self, run: Run) -> None:
        missing = run("keys", "list")
        assert missing.exit_code == 3
        assert missing.stderr.startswith("authserver: keys.directory (AUTHSERVER__KEYS__DIRECTORY): ")

    def test_it_says_what_each_key_does(self, run: Run, environment: dict[str, str]) -> None:
        kids = [run("keys", "rotate").stdout.split()[0] for _ in range(2)]
        listed = [line.split("\t") for line in run("keys", "list").stdout.splitlines()]
        assert [columns[0] for columns in listed] == kids
        assert listed[0][2] == "signs"
        assert listed[1][2].startswith("published, signs from ")
        environment["AUTHSERVER__KEYS__PUBLISH_BEFORE_USE"] = "0"
        listed = [line.split("\t") for line in run("keys", "list").stdout.splitlines()]
        assert listed[0][2].startswith("signed, published until ")
        assert listed[1][2] == "signs"


class TestRotate:
    def test_it_says_when_the_new_key_signs(self, run: Run) -> None:
        run("keys", "rotate")
        printed = run("keys", "rotate").stdout
        moment = datetime.strptime(printed.split(" signs from ")[1], "%Y-%m-%d %H:%M:%S UTC.\n").replace(tzinfo=UTC)
        assert timedelta(seconds=5) < moment - datetime.now(UTC) < timedelta(seconds=16)

    def test_it_deletes_what_has_expired(self, run: Run, tmp_path: Path) -> None:
        kids = [run("keys", "rotate").stdout.split()[0] for _ in range(2)]
        for kid in kids:
            file = tmp_path / "keys" / f"{kid}.json"
            content = json.loads(file.read_text())
            made = datetime.fromisoformat(content["created_at"]) - timedelta(hours=1)
            file.write_text(json.dumps(content | {"created_at": made.isoformat()}))
        kids.append(run("keys", "rotate").stdout.split()[0])
        assert [key.kid for key in KeyFolder(str(tmp_path / "keys")).read()] == kids[1:]
