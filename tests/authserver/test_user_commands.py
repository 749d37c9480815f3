"""The commands ``authserver users`` and ``authserver migrate``."""

import asyncio
from pathlib import Path

import pytest

from ..databases import Databases, in_thread
from .conftest import CHEAP, PASSWORD, Run, build, client_of, login

ALICE = ("--email", "alice@example.com", "--name", "Alice Liddell", "--role", "admin", "--role", "viewer")


@pytest.fixture
def environment(database_kind: str, databases: Databases, tmp_path: Path) -> dict[str, str]:
    return {
        **CHEAP,
        "AUTHSERVER__DATABASE__URL": databases.empty(database_kind),
        "AUTHSERVER__KEYS__DIRECTORY": str(tmp_path / "keys"),
    }


def status_of_login(environment: dict[str, str], password: str) -> int:
    async def status() -> int:
        try:
            async with client_of(container) as client:
                return (await login(client, "alice", password)).status_code
        finally:
            await container.ashutdown()

    container = build(environment)
    return asyncio.run(status())


def add_alice(run: Run) -> None:
    assert run("users", "add", "Alice", *ALICE, "--password-stdin", typed=PASSWORD).exit_code == 0


class TestUsers:
    def test_a_life(self, run: Run, environment: dict[str, str]) -> None:
        def can_login(password: str) -> bool:
            return in_thread(lambda: status_of_login(environment, password)) == 200

        assert run("users", "list").stdout == ""
        add_alice(run)
        assert run("users", "list").stdout == "Alice\tactive\tadmin,viewer\talice@example.com\tAlice Liddell\n"
        assert can_login(PASSWORD)
        assert run("users", "set-roles", "alice", "viewer").exit_code == 0
        assert run("users", "set-password", "ALICE", "--password-stdin", typed="another one\n").exit_code == 0
        assert not can_login(PASSWORD)
        assert can_login("another one")
        assert run("users", "disable", "alice").exit_code == 0
        assert run("users", "list").stdout == "Alice\tdisabled\tviewer\talice@example.com\tAlice Liddell\n"
        assert not can_login("another one")
        assert run("users", "enable", "alice").exit_code == 0
        assert can_login("another one")

    def test_the_password_is_asked_for_twice_and_not_shown(self, run: Run) -> None:
        differing = run("users", "add", "Alice", *ALICE, typed=f"{PASSWORD}\nmistyped\n{PASSWORD}\n{PASSWORD}\n")
        assert differing.exit_code == 0
        assert "do not match" in differing.output
        assert PASSWORD not in differing.output
        assert "mistyped" not in differing.output

    def test_a_name_is_taken_in_any_case(self, run: Run) -> None:
        add_alice(run)
        again = run("users", "add", "ALICE", *ALICE, "--password-stdin", typed=PASSWORD)
        assert again.exit_code == 1
        assert again.stderr == "authserver: A user ALICE already exists.\n"

    @pytest.mark.parametrize("command", [("set-roles", "bob", "admin"), ("disable", "bob"), ("enable", "bob")])
    def test_an_unknown_user_is_told(self, run: Run, command: tuple[str, ...]) -> None:
        unknown = run("users", *command)
        assert unknown.exit_code == 1
        assert unknown.stderr == "authserver: There is no user bob.\n"

    @pytest.mark.one_database
    def test_what_a_user_may_not_be_is_told_in_one_line_without_the_password(self, run: Run) -> None:
        account = ("--email", "nowhere", "--name", "Alice", "--role", "products:write")
        refused = run("users", "add", "Alice", *account, "--password-stdin", typed="7 chars")
        assert refused.exit_code == 1
        assert refused.stderr == (
            "authserver: email: String should match pattern '^[^\\s@]+@[^\\s@]+$'; "
            "roles.0: String should match pattern '^[^\\s:,]+$'; "
            "password: String should have at least 8 characters\n"
        )

    @pytest.mark.one_database
    def test_there_is_no_option_for_the_password(self, run: Run) -> None:
        assert run("users", "add", "Alice", *ALICE, "--password", PASSWORD).exit_code == 2


class TestMigrate:
    def test_the_schema_can_be_left_to_it(self, run: Run, environment: dict[str, str]) -> None:
        environment["AUTHSERVER__ENGINE__MIGRATE_ON_START"] = "false"
        assert run("users", "list").exit_code != 0
        for _ in range(2):
            assert run("migrate").exit_code == 0
        add_alice(run)
