"""SIGHUP: the terminal is gone, or a service manager asks for a reload."""

import signal
from types import FrameType

HANGUP: signal.Signals | None = getattr(signal, "SIGHUP", None)
"""None on Windows."""


def stop_on_hangup() -> None:
    """Let SIGHUP stop this process as SIGTERM does. It stays ignored where it is ignored already, as under nohup."""
    if HANGUP is not None and signal.getsignal(HANGUP) is not signal.SIG_IGN:
        signal.signal(HANGUP, terminate)


def terminate(_signal: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGTERM)


def ignore_hangup() -> None:
    """Leave SIGHUP to the parent process. A terminal sends it to all its processes."""
    if HANGUP is not None:
        signal.signal(HANGUP, signal.SIG_IGN)
