"""Run an application with uvicorn, in one process or in several."""

import asyncio
import contextlib
import errno
import logging
import signal
import socket
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from pico_ioc import PicoContainer
from uvicorn import Config, Server
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from ..errors import StartupError
from ..signals import HANGUP, ignore_hangup, stop_on_hangup
from .protocol import BoundedHttpToolsProtocol
from .server_options import ServerOptions
from .settings import WebSettings

logger = logging.getLogger(__name__)

MISSING = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class ServerConfig(Config):
    """The configuration of a server process. A worker process loads the application by it."""

    def load(self) -> None:
        if self.workers > 1:
            ignore_hangup()  # the parent replaces the workers
        super().load()


def serve(create_container: Callable[[], PicoContainer], factory: str, options: ServerOptions) -> None:
    """Run an application until SIGTERM, SIGHUP or Ctrl-C.

    ``create_container`` makes it in this process. With several workers, that only shows whether it can start; each
    worker makes it by ``factory``, a name such as ``myapp.boot:create_app``, and SIGHUP replaces them one by one.

    Raises StartupError.
    """
    sockets = bind(options.host, options.port)
    container = create_container()
    settings = container.get(WebSettings)
    config = ServerConfig(
        container.get(FastAPI) if options.workers == 1 else factory,
        factory=options.workers > 1,
        workers=options.workers,
        http=BoundedHttpToolsProtocol,
        log_config=None,  # the application has configured logging
        proxy_headers=False,  # web.trusted_proxies decides
        server_header=False,
        timeout_keep_alive=options.keep_alive or settings.keep_alive,
        timeout_worker_healthcheck=options.worker_timeout or settings.worker_timeout,
        timeout_graceful_shutdown=settings.stop_timeout,
    )
    for listener in sockets:
        logger.info("listening on %s", address_of(listener))
    if options.workers == 1:
        run_here(config, sockets)
    else:
        asyncio.run(container.ashutdown())
        run_workers(config, sockets)


def run_here(config: Config, sockets: list[socket.socket]) -> None:
    stop_on_hangup()
    server = Server(config)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets)
    if not server.started:
        raise SystemExit(STARTUP_FAILURE)


def run_workers(config: Config, sockets: list[socket.socket]) -> None:
    is_ignored = HANGUP is not None and signal.getsignal(HANGUP) is signal.SIG_IGN
    parent = Multiprocess(config, sockets)
    if is_ignored:  # under nohup; the parent has just set its own handler
        ignore_hangup()
    parent.run()


def bind(host: str, port: int) -> list[socket.socket]:
    """Return sockets that are bound to every address of ``host``. Raises StartupError.

    ``::`` means every address of the machine, those of IPv4 too; asyncio alone would listen on IPv6 only. Each family
    has its own socket: clients keep their usual IPv4 addresses, which ``web.trusted_proxies`` compares.
    """
    name = None if host in ("", "::") else host.strip("[]")
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in dict.fromkeys(found):
            with contextlib.suppress(MissingAddress):
                sockets.append(listener_of(family, address))
        if not sockets:
            raise MissingAddress(None, "no address of this machine")
    except (OSError, UnicodeError) as error:  # UnicodeError: not a host name
        for listener in sockets:
            listener.close()
        reason = error.strerror if isinstance(error, OSError) else "not a host name"
        raise StartupError(f"cannot listen on {host} port {port}: {reason}") from error
    return sockets


class MissingAddress(OSError):
    """The machine does not have the address, or no address of its family."""


def listener_of(family: socket.AddressFamily, address: Any) -> socket.socket:
    listener: socket.socket | None = None
    try:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
    except OSError as error:
        if listener:
            listener.close()
        raise MissingAddress(*error.args) if error.errno in MISSING else error from None
    listener.set_inheritable(True)  # by worker processes
    return listener


def address_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
