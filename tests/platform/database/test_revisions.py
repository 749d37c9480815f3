"""What the schema's revision means for this release."""

from collections.abc import Collection
from pathlib import Path

import pytest
from alembic.config import Config

from authserver.boot import FOLDER
from myapp.boot import ROOT
from myapp.platform.database.numbering import last_number
from myapp.platform.database.revisions import Revisions, SchemaState
from myapp.platform.errors import StartupError


def revisions_in(folder: Path) -> Revisions:
    config = Config()
    config.set_main_option("script_location", str(folder))
    return Revisions(config)


OURS = revisions_in(ROOT / "migrations")
HEAD = str(OURS.head)
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
        theirs = revisions_in(FOLDER / "migrations")
        assert theirs.state([str(theirs.head)]) is SchemaState.CURRENT
        assert theirs.state(["authserver_9999"]) is SchemaState.AHEAD
        assert theirs.state(["9999"]) is SchemaState.UNKNOWN

    def test_a_revision_with_line_breaks_stays_in_one_line(self) -> None:
        assert "\n" not in OURS.describe(["a\nb"])


def test_a_folder_without_migrations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"database\.migrations_path"):
        revisions_in(tmp_path / "none")
