"""``products-api relay`` and ``products-api events ...``."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from myapp.cli.events import print_deliveries, redeliver
from myapp.cli.main import cli
from myapp.platform.errors import ConflictError
from myapp.platform.outbox.schemas import DeliveryFilter
from tests.databases import BUSY_MACHINE, Databases
from tests.processes import Process, clean_environment

from .handlers import fail_with
from .room import Room, until


@pytest.fixture
async def dead(room: Room) -> int:
    """The id of a dead letter whose error has control characters for a terminal."""
    room.listener.behaviour = fail_with(ValueError("\x1b[31mno\tway"))
    await room.happen("a")
    await room.exhaust()
    room.listener.reset()
    event_id: int = (await room.deliveries("listener"))[0].event_id
    return event_id


class TestEvents:
    async def test_list(self, room: Room, dead: int, capsys: pytest.CaptureFixture[str]) -> None:
        await print_deliveries(room.service, DeliveryFilter(state="dead"))
        assert capsys.readouterr().out == f"{dead}\tthing.happened\tthing/a\tlistener\t3\tValueError:  [31mno way\n"
        await print_deliveries(room.service, DeliveryFilter(state="dead", handler="neighbour"))
        assert capsys.readouterr().out == ""
        await print_deliveries(room.service, DeliveryFilter(state="delivered"))
        assert capsys.readouterr().out == f"{dead}\tthing.happened\tthing/a\tneighbour\t1\t\n"

    async def test_list_of_many(self, room: Room, capsys: pytest.CaptureFixture[str]) -> None:
        await room.happen(*"a" * 102)
        await print_deliveries(room.service, DeliveryFilter(state="pending", handler="listener"))
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 101
        assert lines[-1] == "... and 2 older ones"

    async def test_redeliver(self, room: Room, dead: int, capsys: pytest.CaptureFixture[str]) -> None:
        await redeliver(room.service, dead, None)
        assert capsys.readouterr().out == f"event {dead} will be delivered again to listener\n"
        with pytest.raises(ConflictError):
            await redeliver(room.service, dead, None)
        await room.relay.deliver_due()
        assert await room.states("listener") == ["delivered"]

    async def test_redeliver_all(self, room: Room, dead: int, capsys: pytest.CaptureFixture[str]) -> None:
        await redeliver(room.service, None, "neighbour")
        await redeliver(room.service, None, None)
        assert capsys.readouterr().out == "0 deliveries will be tried again\n1 deliveries will be tried again\n"


class TestCommandLine:
    @pytest.mark.slow
    def test_ends_with_one_line(self, databases: Databases) -> None:
        ended = subprocess.run(
            [sys.executable, "-m", "myapp.cli", "events", "redeliver", "1"],
            env=clean_environment() | BUSY_MACHINE | {"DATABASE__URL": databases.migrated("sqlite")},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ended.returncode == 3
        assert ended.stderr.splitlines()[-1] == "products-api: There is no such event."
        assert "Traceback" not in ended.stderr

    @pytest.mark.parametrize("handler", ["", "x" * 65, "\0"])
    def test_list_refuses_a_name_that_no_handler_has(self, handler: str) -> None:
        result = CliRunner().invoke(cli, ["events", "list", "--handler", handler])
        assert result.exit_code == 2
        assert "no handler has such a name" in result.output

    @pytest.mark.parametrize("arguments", [(), ("1", "--all"), ("0",), ("x",), (str(2**63),)])
    def test_redeliver_takes_one_event_or_all(self, arguments: tuple[str, ...]) -> None:
        result = CliRunner().invoke(cli, ["events", "redeliver", *arguments])
        assert result.exit_code == 2

    @pytest.mark.slow
    @pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
    async def test_relay_runs_until_ctrl_c(self, room: Room, tmp_path: Path) -> None:
        """This process does not have the handlers of handlers.py, so it ignores their deliveries."""
        await room.happen("a")
        url = room.manager.engine.url.render_as_string(hide_password=False)
        relay = Process([sys.executable, "-m", "myapp.cli", "relay"], {"DATABASE__URL": url}, tmp_path / "output")
        try:
            await until(lambda: "the relay runs" in relay.output or not relay.running)
            assert relay.running, relay.output
            os.kill(relay.pid, signal.SIGINT)
            assert await asyncio.to_thread(relay.wait) == 0
        finally:
            if relay.running:
                relay.kill()
        assert "Traceback" not in relay.output
        assert await room.states("listener") == ["pending"]
