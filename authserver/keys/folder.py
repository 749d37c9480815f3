"""The folder of the keys: one file for each, written atomically and readable by its owner only."""

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
    """A signing key. ``kid`` is its RFC 7638 thumbprint (SHA-256)."""

    kid: str
    created_at: datetime
    private: RSAKey


class KeyFolder:
    """Each key is a file ``<kid>.json`` with the private JWK and the time of creation.

    These times alone decide which key signs and how long the others stay (``rotation.py``).
    """

    def __init__(self, directory: str) -> None:
        self._path = Path(directory)
        self._known: dict[str, Key] = {}  # by file name: files never change, and checking a private key is slow

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Create the folder if needed and lock it against other processes. Raises StartupError if this fails."""
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise unusable_folder(error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)  # this releases the lock

    def names(self) -> frozenset[str]:
        """Return the names of the key files. Raises OSError."""
        return frozenset(name for name in os.listdir(self._path) if name.endswith(".json"))

    def read(self) -> list[Key]:
        """Return all keys, oldest first. Raises StartupError if a file cannot be read."""
        try:
            found = {name: self._known.get(name) or self._read(name) for name in sorted(self.names())}
        except OSError as error:
            raise unusable_folder(error) from error
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
            return None  # another process has removed it meanwhile
        except (ValueError, KeyError, TypeError, JoseError) as error:
            raise StartupError(f"keys.directory: {name} is not a key of this server") from error
        return key

    def add(self) -> Key:
        """Create a key and write its file. The folder must be ``locked``. Raises StartupError if writing fails."""
        private = RSAKey.generate_key(BITS, private=True)
        key = Key(private.thumbprint(), utc_now(), private)
        content = {"created_at": key.created_at.isoformat(), "key": private.as_dict(private=True)}
        try:
            self._write(f"{key.kid}.json", json.dumps(content).encode())
        except OSError as error:
            raise unusable_folder(error) from error
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


def unusable_folder(error: OSError) -> StartupError:
    return StartupError(f"keys.directory (AUTHSERVER__KEYS__DIRECTORY): {error.strerror}: {error.filename}")
