"""A real nginx on its own port, with its own configuration and folder."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

PROGRAM = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin{os.pathsep}/usr/local/sbin")

needs_nginx = pytest.mark.skipif(PROGRAM is None, reason="no nginx on this machine")

MAIN = """
daemon off;
master_process off;
pid {folder}/pid;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  {http}
}}
"""


@contextmanager
def nginx(http: str, port: int, folder: Path) -> Iterator[None]:
    """Run nginx during the block. ``http`` is the content of the block ``http``; one of its servers is on ``port``."""
    assert PROGRAM is not None
    folder.mkdir(exist_ok=True)
    configuration = folder / "nginx.conf"
    configuration.write_text(MAIN.format(folder=folder, http=http), encoding="utf-8")
    log = folder / "log"
    with log.open("wb") as output:
        command = [PROGRAM, "-e", "stderr", "-p", str(folder), "-c", str(configuration)]
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 10
        while not is_listening(port):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(10)


def is_listening(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
