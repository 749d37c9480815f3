"""The keys on disk: one file each, whole or not there, readable by nobody else."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from myapp.platform.database.types import utc_now
from myapp.platform.errors import StartupError

BITS = 2048


@dataclass(frozen=True)
class Key:
    """``kid`` is the key's RFC 7638 thumbprint (SHA-256)."""

    kid: str
    created_at: datetime
    private: RSAKey


class KeyFolder:
    """A key's file is ``<kid>.json``: its private JWK and when it was made. Nothing else has to be remembered: which
    key signs, and how long the others stay, follows from these times (``rotation.py``)."""

    def __init__(self, directory: str) -> None:
        self._path = Path(directory)
        self._known: dict[str, Key] = {}  # by file name: a file never changes, and checking a private key takes long

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from adding keys. Makes the folder. Raises StartupError where it cannot be used."""
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise unusable(error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)  # which unlocks it

    def names(self) -> frozenset[str]:
        """The files of keys that there are. Raises OSError."""
        return frozenset(name for name in os.listdir(self._path) if name.endswith(".json"))

    def read(self) -> list[Key]:
        """All keys, oldest first. Raises StartupError for one that cannot be read."""
        try:
            found = {name: self._known.get(name) or self._read(name) for name in sorted(self.names())}
        except OSError as error:
            raise unusable(error) from error
        self._known = {name: key for name, key in found.items() if key}
        return sorted(self._known.values(), key=lambda key: key.created_at)

    def _read(self, name: str) -> Key | None:
        try:
            content = json.loads((self._path / name).read_bytes())
            private = RSAKey.import_key(content["key"])
            key = Key(private.thumbprint(), datetime.fromisoformat(content["created_at"]), private)
            if not private.is_private or key.created_at.tzinfo is None or name != f"{key.kid}.json":
                raise ValueError("not a file that this program wrote")
        except FileNotFoundError:
            return None  # another process has just removed it
        except (ValueError, KeyError, TypeError, JoseError) as error:
            raise StartupError(f"keys.directory: {name} is not a key of this server") from error
        return key

    def add(self) -> Key:
        """A new key; call it with the folder ``locked``. Raises StartupError where it cannot be written."""
        private = RSAKey.generate_key(BITS, private=True)
        key = Key(private.thumbprint(), utc_now(), private)
        content = {"created_at": key.created_at.isoformat(), "key": private.as_dict(private=True)}
        try:
            self._write(f"{key.kid}.json", json.dumps(content).encode())
        except OSError as error:
            raise unusable(error) from error
        return key

    def _write(self, name: str, content: bytes) -> None:
        temporary = self._path / f".{name}.tmp"
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self._path / name)
        folder = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def remove(self, key: Key) -> None:
        (self._path / f"{key.kid}.json").unlink(missing_ok=True)


def unusable(error: OSError) -> StartupError:
    return StartupError(f"keys.directory (AUTHSERVER__KEYS__DIRECTORY): {error.strerror}: {error.filename}")
