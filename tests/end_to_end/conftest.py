from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ..databases import Databases
from .system import System


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory, databases: Databases, database_kind: str) -> Iterator[System]:
    """An auth server with three users and an API, running."""
    made = System(tmp_path_factory.mktemp("system"), databases.empty(database_kind))
    made.add_users()
    with ExitStack() as processes:
        processes.enter_context(made.auth_server())
        processes.enter_context(made.products_api())
        yield made


@pytest.fixture
def stopped_system(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> System:
    """Another one, of which nothing runs."""
    made = System(tmp_path_factory.mktemp("system"), databases.empty("sqlite"))
    made.add_users()
    return made
