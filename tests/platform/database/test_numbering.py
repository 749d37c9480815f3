"""`alembic revision` numbers a new migration by itself."""

import shutil
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import Script

from myapp.boot import ROOT
from myapp.platform.database.numbering import last_number


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Return the API's configuration of Alembic, with a copy of the migrations and an empty database."""
    # The database's folder is missing, as `data` is in a fresh copy of the project.
    monkeypatch.setenv("DATABASE__URL", f"sqlite+aiosqlite:///{tmp_path}/data/numbering.db")
    return with_copied_migrations(Config(toml_file=ROOT / "pyproject.toml"), ROOT / "migrations", tmp_path)


@pytest.fixture
def auth_server_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setenv("AUTHSERVER__DATABASE__URL", f"sqlite+aiosqlite:///{tmp_path}/data/numbering.db")
    config = Config(ROOT / "authserver" / "alembic.ini")
    return with_copied_migrations(config, ROOT / "authserver" / "migrations", tmp_path)


def with_copied_migrations(config: Config, migrations: Path, folder: Path) -> Config:
    shutil.copytree(migrations, folder / "migrations")
    config.set_main_option("script_location", str(folder / "migrations"))
    return config


def migrations(config: Config) -> list[str]:
    location = config.get_main_option("script_location")
    assert location
    return sorted(path.name for path in (Path(location) / "versions").glob("*.py"))


def new(config: Config, message: str, rev_id: str | None = None) -> str:
    script = command.revision(config, message, rev_id=rev_id)
    assert isinstance(script, Script)
    return script.revision


def test_takes_the_next_number(config: Config) -> None:
    last = last_number(name.partition("_")[0] for name in migrations(config))
    assert last > 0
    assert [new(config, "products have a colour"), new(config, "another")] == [f"{last + 1:04}", f"{last + 2:04}"]
    assert migrations(config)[-2:] == [f"{last + 1:04}_products_have_a_colour.py", f"{last + 2:04}_another.py"]


def test_keeps_an_id_that_was_given(config: Config) -> None:
    assert new(config, "by hand", rev_id="colour") == "colour"
    assert new(config, "next").isdecimal()


def test_auth_server_keeps_its_prefix(auth_server_config: Config) -> None:
    ids = ("_".join(name.split("_")[:2]) for name in migrations(auth_server_config))
    last = last_number(ids, "authserver_")
    assert last > 0
    assert new(auth_server_config, "users have a phone") == f"authserver_{last + 1:04}"


def test_last_number() -> None:
    assert last_number(["0009", "colour", "0010", "a1b2c3d4e5f6"]) == 10
    assert last_number(["authserver_0001", "0009"], prefix="authserver_") == 1
    assert last_number([]) == 0
