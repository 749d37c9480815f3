from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ..databases import Databases
from .system import System


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory, databases: Databases, database_kind: str) -> Iterator[System]:
    """Run an auth server with three users and an API."""
    made = System(tmp_path_factory.mktemp("system"), databases.empty(database_kind))
    made.add_users()
    with ExitStack() as processes:
        processes.enter_context(made.auth_server())
        processes.enter_context(made.products_api())
        yield made


@pytest.fixture
def stopped_system(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> System:
    """Return another system with three users. Its processes are not started."""
    made = System(tmp_path_factory.mktemp("system"), databases.empty("sqlite"))
    made.add_users()
    return made
