"""An error at start is one line that names the setting."""

from pathlib import Path

import pytest

from authserver.boot import KeySettings, create_app, settings_of
from authserver.cli import migrate
from authserver.issuer.settings import IssuerSettings
from myapp.platform.startup import STARTUP_FAILURE

from .conftest import CHEAP


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in CHEAP.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AUTHSERVER__DATABASE__URL", f"sqlite+aiosqlite:///{tmp_path}/auth.db")
    monkeypatch.setenv("AUTHSERVER__KEYS__DIRECTORY", str(tmp_path / "keys"))
    return tmp_path


class TestFailure:
    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("AUTHSERVER__ISSUER__URL", "login.example.com"),
            ("AUTHSERVER__ISSUER__URL", "https://login.example.com/?tenant=1"),
            ("AUTHSERVER__ISSUER__URL", "https://["),
            ("AUTHSERVER__ISSUER__URL", "https://login.example.com:port"),
            ("AUTHSERVER__ISSUER__URL", "https://login.example.com "),
            ("AUTHSERVER__ISSUER__URL", "https://ada:secret@login.example.com"),
            ("AUTHSERVER__ISSUER__URL", "ftp://login.example.com"),
            ("AUTHSERVER__ISSUER__NAME", "unknown key"),
            ("AUTHSERVER__LOGIN__MAX_FAILURES", "many"),
            ("AUTHSERVER__LOGIN__LOCK_SECONDS", "0"),
            ("AUTHSERVER__PASSWORDS__MEMORY_KIB", "1"),
            ("AUTHSERVER__DATABASE__URL", "mysql://localhost/auth"),
            ("AUTHSERVER__DATABASE__URL", "sqlite+aiosqlite:////nowhere/at/all/auth.db"),
            ("AUTHSERVER__KEYS__DIRECTORY", "/dev/null/keys"),
        ],
    )
    def test_one_line_names_the_setting(
        self, place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], variable: str, value: str
    ) -> None:
        monkeypatch.setenv(variable, value)
        monkeypatch.setenv("AUTHSERVER__ENGINE__STARTUP_TIMEOUT", "0.2")
        with pytest.raises(SystemExit) as exit_info:
            create_app()
        assert exit_info.value.code == STARTUP_FAILURE
        lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("authserver: ")]
        assert len(lines) == 1
        assert variable in lines[0]

    def test_migrate_names_it_too(
        self, place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("AUTHSERVER__DATABASE__URL", "mysql://localhost/auth")
        with pytest.raises(SystemExit):
            migrate()
        assert "database.url (AUTHSERVER__DATABASE__URL)" in capfd.readouterr().err


class TestSettings:
    def test_empty_variables_count_as_unset(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AUTHSERVER_CONFIG", "")
        monkeypatch.setenv("AUTHSERVER__ISSUER__AUDIENCE", "")
        assert settings_of(IssuerSettings).audience == "products-api"

    def test_they_are_not_those_of_the_api(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DATABASE__URL", "mysql://the.api/its")
        monkeypatch.setenv("WEB__LOG_LEVEL", "LOUD")
        monkeypatch.setenv("AUTHSERVER__ISSUER__TOKEN_LIFETIME", "60")
        assert settings_of(IssuerSettings).token_lifetime == 60

    def test_a_relative_directory_means_the_folder_of_the_file(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "application.yaml").write_text("{}")
        monkeypatch.setenv("AUTHSERVER_CONFIG", str(tmp_path / "application.yaml"))
        assert settings_of(KeySettings).directory == f"{tmp_path}/../data/keys"
        monkeypatch.setenv("AUTHSERVER__KEYS__DIRECTORY", "keys")
        assert settings_of(KeySettings).directory == f"{tmp_path}/keys"
