"""What the schema's revision means for this release."""

import shutil
from collections.abc import Collection
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from authserver.boot import FOLDER
from myapp.boot import ROOT
from myapp.platform.database.numbering import last_number
from myapp.platform.database.revisions import Revisions, SchemaState
from myapp.platform.errors import StartupError

OURS = Revisions(ROOT / "migrations")
HEAD = OURS.head
NEXT = f"{last_number([HEAD]) + 1:04}"


class TestState:
    @pytest.mark.parametrize(
        ("found", "state"),
        [
            ((), SchemaState.BEHIND),
            (("0001",), SchemaState.BEHIND),
            ((HEAD,), SchemaState.CURRENT),
            ((NEXT,), SchemaState.AHEAD),
            (("9999",), SchemaState.AHEAD),
            (("10000",), SchemaState.AHEAD),
            ((f"{NEXT}_products_have_a_colour",), SchemaState.AHEAD),
            (("0000",), SchemaState.UNKNOWN),
            (("0001b",), SchemaState.UNKNOWN),
            (("0001_a_branch",), SchemaState.UNKNOWN),
            (("",), SchemaState.UNKNOWN),
            (("99",), SchemaState.UNKNOWN),
            (("2f1c0b9d8e7a",), SchemaState.UNKNOWN),
            (("999912345678",), SchemaState.UNKNOWN),
            (("authserver_9999",), SchemaState.UNKNOWN),
            ((HEAD, NEXT), SchemaState.UNKNOWN),
            ((NEXT, "9999"), SchemaState.UNKNOWN),
        ],
    )
    def test_of_a_schema(self, found: Collection[str], state: SchemaState) -> None:
        assert OURS.state(found) is state
        description = OURS.describe(found)
        assert all(revision in description for revision in found)
        assert "\n" not in description

    def test_of_the_auth_server(self) -> None:
        theirs = Revisions(FOLDER / "migrations")
        assert theirs.state([theirs.head]) is SchemaState.CURRENT
        assert theirs.state(["authserver_9999"]) is SchemaState.AHEAD
        assert theirs.state(["9999"]) is SchemaState.UNKNOWN

    def test_a_revision_with_line_breaks_stays_in_one_line(self) -> None:
        assert "\n" not in OURS.describe(["a\nb"])


@pytest.mark.parametrize("folder", [ROOT / "migrations", FOLDER / "migrations"])
def test_are_those_that_alembic_reads(folder: Path) -> None:
    scripts, revisions = ScriptDirectory(str(folder)), Revisions(folder)
    assert revisions.head == scripts.get_current_head()
    behind = {script.revision for script in scripts.walk_revisions()} - {revisions.head}
    assert all(revisions.state([revision]) is SchemaState.BEHIND for revision in behind)
    assert len(list((folder / "versions").glob("*.py"))) == len(behind) + 1


def test_may_be_written_in_any_style(tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions/one.py").write_text("""'revision = 5'\nrevision: str = 'one'\ndown_revision = None\n""")
    (tmp_path / "versions/two.py").write_text("""down_revision: str | None = "one"\nrevision="two"  # = 'x'\n""")
    revisions = Revisions(tmp_path)
    assert revisions.head == "two"
    assert revisions.state(["one"]) is SchemaState.BEHIND
    assert revisions.state(["x"]) is SchemaState.UNKNOWN


def test_a_folder_without_migrations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"database\.migrations_path.* none$"):
        Revisions(tmp_path / "none")


def test_two_lines_of_migrations_are_refused(tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    for name in ("one", "two"):
        (tmp_path / f"versions/{name}.py").write_text(f"revision = '{name}'\ndown_revision = None\n")
    with pytest.raises(StartupError, match=r"database\.migrations_path.* one, two$"):
        Revisions(tmp_path)


def test_a_migration_without_its_revision_is_refused(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "migrations", tmp_path, dirs_exist_ok=True)
    (tmp_path / "versions/next.py").write_text(f"revision, down_revision = '{NEXT}', '{HEAD}'\n")
    with pytest.raises(StartupError, match=r"database\.migrations_path.* each with its revision"):
        Revisions(tmp_path)
