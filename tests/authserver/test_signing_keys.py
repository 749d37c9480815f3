"""The keys: their files, their rotation, and a server that notices a rotation by itself."""

import base64
import hashlib
import json
import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from authserver.issuer.settings import IssuerSettings
from authserver.keys import ring as ring_module
from authserver.keys.folder import Key, KeyFolder
from authserver.keys.ring import KeyRing
from authserver.keys.rotation import Rotation
from authserver.keys.settings import KeySettings
from myapp.platform.errors import StartupError

START = datetime(2030, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class TestFolder:
    def test_files_are_for_the_owner_only_and_nothing_is_left_over(self, tmp_path: Path) -> None:
        folder = KeyFolder(str(tmp_path / "new" / "keys"))
        with folder.locked():
            key = folder.add()
        files = sorted((tmp_path / "new" / "keys").iterdir())
        assert [file.name for file in files] == sorted([".lock", f"{key.kid}.json"])
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        assert stat.S_IMODE((tmp_path / "new" / "keys").stat().st_mode) == 0o700

    def test_kid_is_the_thumbprint_of_rfc_7638(self, tmp_path: Path) -> None:
        folder = KeyFolder(str(tmp_path))
        with folder.locked():
            key = folder.add()
        public = key.private.as_dict(private=False)
        canonical = json.dumps({name: public[name] for name in ("e", "kty", "n")}, separators=(",", ":"))
        digest = hashlib.sha256(canonical.encode()).digest()
        assert key.kid == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def test_another_process_reads_the_same(self, tmp_path: Path) -> None:
        folder = KeyFolder(str(tmp_path))
        with folder.locked():
            added = [folder.add(), folder.add()]
        read = KeyFolder(str(tmp_path)).read()
        assert [(key.kid, key.created_at) for key in read] == [(key.kid, key.created_at) for key in added]

    @pytest.mark.parametrize("content", ["", "{}", "[]", '{"created_at": "2030-01-01T00:00:00+00:00", "key": {}}'])
    def test_a_foreign_file_is_refused_by_its_name(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "foreign.json").write_text(content)
        with pytest.raises(StartupError, match=r"keys\.directory: foreign\.json"):
            KeyFolder(str(tmp_path)).read()

    def test_a_copy_under_another_name_is_refused(self, tmp_path: Path) -> None:
        folder = KeyFolder(str(tmp_path))
        with folder.locked():
            key = folder.add()
        (tmp_path / f"{key.kid}.json").rename(tmp_path / "copy.json")
        with pytest.raises(StartupError, match=r"copy\.json"):
            KeyFolder(str(tmp_path)).read()

    def test_a_place_that_is_no_folder_is_refused_by_the_setting(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with (
            pytest.raises(StartupError, match="AUTHSERVER__KEYS__DIRECTORY"),
            KeyFolder(str(tmp_path / "file")).locked(),
        ):
            pass


@pytest.fixture
def keys(tmp_path: Path) -> Callable[..., list[Key]]:
    """``keys(0, 100)`` returns keys that were created at these seconds."""
    folder = KeyFolder(str(tmp_path))

    def make(*seconds: float) -> list[Key]:
        with folder.locked():
            private = folder.add().private
        return [Key(f"key{second}", at(second), private) for second in seconds]

    return make


class TestRotation:
    settings = KeySettings(publish_before_use=15, leeway=60)

    def test_the_first_key_signs_at_once(self, keys: Callable[..., list[Key]]) -> None:
        (only,) = keys(0)
        rotation = Rotation.of([only], self.settings, 900)
        assert rotation.signing_key(at(0)) is only
        assert rotation.published_until(only) is None

    def test_a_new_key_is_published_before_it_signs(self, keys: Callable[..., list[Key]]) -> None:
        old, new = keys(0, 100)
        rotation = Rotation.of([old, new], self.settings, 900)
        assert rotation.published_keys(at(100)) == [old, new]
        assert rotation.signing_key(at(114.9)) is old
        assert rotation.signing_key(at(115)) is new

    def test_an_old_key_is_published_until_its_last_token_has_expired(self, keys: Callable[..., list[Key]]) -> None:
        old, new = keys(0, 100)
        rotation = Rotation.of([old, new], self.settings, 900)
        assert rotation.published_keys(at(115 + 900 + 59.9)) == [old, new]
        assert rotation.published_keys(at(115 + 900 + 60)) == [new]
        assert rotation.expired_keys(at(115 + 900 + 60)) == [old]

    def test_rotations_in_quick_succession(self, keys: Callable[..., list[Key]]) -> None:
        first, second, third = keys(0, 1, 2)
        rotation = Rotation.of([first, second, third], self.settings, 900)
        assert [rotation.signing_key(at(second)) for second in (15, 16, 17)] == [first, second, third]
        assert rotation.expired_keys(at(16 + 960)) == [first]
        assert rotation.expired_keys(at(17 + 960)) == [first, second]


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Set the clock of the keys. A ring reads the folder at every use."""
    clock = Clock()
    monkeypatch.setattr(ring_module, "utc_now", clock)
    monkeypatch.setattr(ring_module, "CHECK_INTERVAL", 0.0)
    return clock


def ring_in(folder: Path) -> KeyRing:
    return KeyRing(KeySettings(directory=str(folder)), IssuerSettings())


def rotate(folder: Path) -> Key:
    with KeyFolder(str(folder)).locked():
        return KeyFolder(str(folder)).add()


def kids(ring: KeyRing) -> list[str]:
    return [key["kid"] for key in ring.public_keys()["keys"]]


class TestRing:
    def test_many_that_start_at_once_agree_on_one_key(self, tmp_path: Path) -> None:
        rings: list[KeyRing] = []
        threads = [threading.Thread(target=lambda: rings.append(ring_in(tmp_path / "keys"))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(rings) == 8
        assert len({ring.signing_key().kid for ring in rings}) == 1
        assert len(list((tmp_path / "keys").glob("*.json"))) == 1

    def test_it_starts_with_the_key_that_it_had(self, tmp_path: Path) -> None:
        assert ring_in(tmp_path).signing_key().kid == ring_in(tmp_path).signing_key().kid

    def test_it_publishes_nothing_private(self, tmp_path: Path) -> None:
        (key,) = ring_in(tmp_path).public_keys()["keys"]
        assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}
        assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")

    def test_it_sees_a_rotation_and_drops_the_old_key_in_time(self, tmp_path: Path, clock: Clock) -> None:
        ring = ring_in(tmp_path)
        old = ring.signing_key()
        new = rotate(tmp_path)
        assert kids(ring) == [old.kid, new.kid]
        assert ring.signing_key().kid == old.kid
        clock.now += timedelta(seconds=16)
        assert ring.signing_key().kid == new.kid
        assert kids(ring) == [old.kid, new.kid]
        clock.now += timedelta(seconds=900 + 60)
        assert kids(ring) == [new.kid]
        assert [file.stem for file in tmp_path.glob("*.json")] == [new.kid]

    def test_a_file_that_was_removed_is_published_no_more(self, tmp_path: Path, clock: Clock) -> None:
        ring = ring_in(tmp_path)
        old, new = ring.signing_key(), rotate(tmp_path)
        (tmp_path / f"{old.kid}.json").unlink()
        assert kids(ring) == [new.kid]
        assert ring.signing_key().kid == new.kid

    def test_it_goes_on_with_what_it_knows_when_the_folder_is_spoilt(
        self, tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        ring = ring_in(tmp_path / "keys")
        known = kids(ring)
        (tmp_path / "keys" / "foreign.json").write_text("{}")
        assert kids(ring) == known
        (tmp_path / "keys" / "foreign.json").unlink()
        (tmp_path / "keys").rename(tmp_path / "elsewhere")
        assert kids(ring) == known
        (tmp_path / "keys").mkdir()
        assert kids(ring) == known
        assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 3

    def test_it_looks_once_a_second(self, tmp_path: Path) -> None:
        ring = ring_in(tmp_path)
        known = kids(ring)
        rotate(tmp_path)
        assert kids(ring) == known
