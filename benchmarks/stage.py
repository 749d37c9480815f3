"""The environment of a benchmark: a database with products, an auth server, the settings of the services."""

import argparse
import contextlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import catalogue, issuer, postgres, services


@dataclass(frozen=True)
class Stage:
    folder: Path
    server_url: str
    issuer: issuer.Issuer

    @contextmanager
    def catalogue(self, rows: int) -> Iterator[dict[str, str]]:
        """Create a database with ``rows`` products. Return the environment variables of a service on it."""
        with postgres.scratch_database(self.server_url) as database_url:
            settings = services.environment(database_url, self.issuer.url)
            services.migrate(settings)
            if rows:
                catalogue.fill(database_url, rows)
            yield settings


@contextmanager
def prepare(database_url: str | None) -> Iterator[Stage]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server_url = stack.enter_context(postgres.server(database_url))
        auth = stack.enter_context(issuer.auth_server(folder))
        yield Stage(folder, server_url, auth)


def arguments(description: str, rows: int | list[int] = 100_000) -> argparse.ArgumentParser:
    """Return the parser of the common options. With a list of ``rows``, the option takes several numbers."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument(
        "--database-url", help="a PostgreSQL server to create databases on; the default is a temporary server"
    )
    parser.add_argument("--connections", type=int, default=32)
    several = {"nargs": "+"} if isinstance(rows, list) else {}
    parser.add_argument("--rows", type=int, default=rows, help="number of products", **several)
    return parser
