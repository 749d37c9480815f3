from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ..databases import Databases
from ..end_to_end.system import System


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, databases: Databases, database_kind: str) -> Iterator[System]:
    """Run an auth server with three users and an API."""
    made = System(tmp_path_factory.mktemp("system"), databases.empty(database_kind))
    made.add_users()
    with ExitStack() as processes:
        processes.enter_context(made.auth_server())
        processes.enter_context(made.products_api())
        yield made
