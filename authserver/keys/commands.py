"""``authserver keys``. Imports are inside the commands, because the container's scan imports this module too."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from .folder import Key, KeyFolder
    from .rotation import Rotation

keys = typer.Typer(no_args_is_help=True, help="Manage the keys that sign tokens.")


@keys.command()
def rotate() -> None:
    """Create a new key. Running servers publish it within two seconds.

    They sign with it after the time of keys.publish_before_use.
    """
    from myapp.platform.database.types import utc_now
    from myapp.platform.startup import exit_on_startup_error

    from ..boot import PROGRAM, settings_of
    from .folder import KeyFolder
    from .settings import KeySettings

    with exit_on_startup_error(PROGRAM):
        folder = KeyFolder(settings_of(KeySettings).directory)
        with folder.locked():
            new = folder.add()
            rotation = rotation_of(folder)
            for key in rotation.expired_keys(utc_now()):
                folder.remove(key)
    print(f"{new.kid} signs from {rotation.signs_from(new):%Y-%m-%d %H:%M:%S} UTC.")


@keys.command("list")
def list_keys() -> None:
    """List all keys, oldest first: kid, time of creation, state."""
    from myapp.platform.startup import exit_on_startup_error

    from ..boot import PROGRAM, settings_of
    from .folder import KeyFolder
    from .settings import KeySettings

    with exit_on_startup_error(PROGRAM):
        rotation = rotation_of(KeyFolder(settings_of(KeySettings).directory))
    for key in rotation.keys:
        print(f"{key.kid}\t{key.created_at:%Y-%m-%d %H:%M:%S} UTC\t{describe_state(rotation, key)}")


def rotation_of(folder: "KeyFolder") -> "Rotation":
    """Read the keys and return their rotation. Raises StartupError."""
    from ..boot import settings_of
    from ..issuer.settings import IssuerSettings
    from .rotation import Rotation
    from .settings import KeySettings

    return Rotation.of(folder.read(), settings_of(KeySettings), settings_of(IssuerSettings).token_lifetime)


def describe_state(rotation: "Rotation", key: "Key") -> str:
    from myapp.platform.database.types import utc_now

    if key is rotation.signing_key(utc_now()):
        return "signs"
    if (until := rotation.published_until(key)) and rotation.signs_from(key) <= utc_now():
        return f"signed, published until {until:%Y-%m-%d %H:%M:%S} UTC"
    return f"published, signs from {rotation.signs_from(key):%Y-%m-%d %H:%M:%S} UTC"
