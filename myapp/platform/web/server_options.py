"""The options of a command that runs a server. This module imports no web framework: it is loaded for `--help` too."""

from dataclasses import dataclass
from typing import Annotated

import typer

Host = Annotated[str, typer.Option(help="Address to listen on; `::` means all addresses, of IPv4 too.")]
Port = Annotated[int, typer.Option(min=1, max=65535)]
Workers = Annotated[int, typer.Option(min=1, help="Number of processes; each has its own connection pool.")]
KeepAlive = Annotated[
    int | None, typer.Option(min=1, help="Seconds that an idle connection stays open; the default is web.keep_alive.")
]
WorkerTimeout = Annotated[
    int | None, typer.Option(min=1, help="Seconds until a hung process is replaced; the default is web.worker_timeout.")
]


@dataclass(frozen=True)
class ServerOptions:
    """``keep_alive`` and ``worker_timeout`` replace the settings of these names."""

    host: str
    port: int
    workers: int = 1
    keep_alive: int | None = None
    worker_timeout: int | None = None
