"""Settings of each session of PostgreSQL: time limits, keepalive and planning.

They are set by statements, because a pooler such as PgBouncer refuses to connect with them.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, event

from ..errors import DatabaseUnavailableError
from .url import DatabaseAddress

OPTION_NAME = re.compile(r"(?:-c\s*|--)([\w.-]+)=")
"""The name of a setting in the parameter ``options`` of a URL, such as ``-c lock_timeout=5s``."""

NO_TIME_LIMITS = {"statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0"}
"""For a connection that migrates, whatever the limits of the role or of the database."""


def time_limits(command_timeout: float) -> dict[str, str]:
    """Return the settings of a connection whose client gives a statement up after ``command_timeout`` seconds.

    The server ends a statement a little before the client gives up. Otherwise the client would drop the connection, and
    the server would not notice before the statement ends: such sessions would add up beside those of the pool.
    """
    return {
        "statement_timeout": milliseconds(command_timeout * 0.9),
        "lock_timeout": milliseconds(lock_timeout(command_timeout)),
        "idle_in_transaction_session_timeout": milliseconds(command_timeout * 5),
        # Plan a statement for the values of each call, which costs some 50 µs. Otherwise, after five calls, PostgreSQL
        # may choose one plan for all values, which would read the whole table for a rare word as for a common one.
        "plan_cache_mode": "force_custom_plan",
    }


def lock_timeout(command_timeout: float) -> float:
    """Return how many seconds a statement may wait for a lock.

    It is shorter than the time of the statement, so that the log names the reason, but longer than PostgreSQL's
    deadlock_timeout of one second.
    """
    return command_timeout * 0.75


def keepalive(command_timeout: float) -> dict[str, str]:
    """Return settings that end a session whose client has vanished from the network. They do not limit statements."""
    seconds = command_timeout * 5
    return {
        "tcp_user_timeout": milliseconds(seconds),
        "tcp_keepalives_idle": str(math.ceil(seconds)),
        "tcp_keepalives_interval": str(math.ceil(command_timeout)),
        "tcp_keepalives_count": "5",
    }


def milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))  # 0 would mean no limit


def set_for_sessions(engine: Engine, address: DatabaseAddress, settings: Mapping[str, str]) -> None:
    """Give ``settings`` to each new connection of ``engine``, but those that the URL of the database sets itself."""
    options = str(address.arguments.get("server_settings", {}).get("options", ""))
    given = {name.replace("-", "_") for name in OPTION_NAME.findall(options)}
    statements = "; ".join(f"SET {name} = '{value}'" for name, value in settings.items() if name not in given)

    def set_all(connection: Any, _record: object) -> None:
        try:
            connection.run_async(lambda driver: driver.execute(statements))  # one round trip
        except OSError as error:  # includes TimeoutError
            connection.driver_connection.terminate()
            raise DatabaseUnavailableError from error

    event.listen(engine, "connect", set_all)
