"""``authserver keys``. Imports stand inside the commands: the container's scan imports this module too."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from .folder import Key, KeyFolder
    from .rotation import Rotation

keys = typer.Typer(no_args_is_help=True, help="What tokens are signed with.")


@keys.command()
def rotate() -> None:
    """Make a new key. Running servers publish it within a second or two, and sign with it a little later."""
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
            for key in rotation.expired(utc_now()):
                folder.remove(key)
    print(f"{new.kid} signs from {rotation.signs_from(new):%Y-%m-%d %H:%M:%S} UTC on.")


@keys.command("list")
def list_keys() -> None:
    """Print all keys, the oldest first: kid, when it was made, and what it does."""
    from myapp.platform.startup import exit_on_startup_error

    from ..boot import PROGRAM, settings_of
    from .folder import KeyFolder
    from .settings import KeySettings

    with exit_on_startup_error(PROGRAM):
        rotation = rotation_of(KeyFolder(settings_of(KeySettings).directory))
    for key in rotation.keys:
        print(f"{key.kid}\t{key.created_at:%Y-%m-%d %H:%M:%S} UTC\t{state(rotation, key)}")


def rotation_of(folder: "KeyFolder") -> "Rotation":
    """Raises StartupError."""
    from ..boot import settings_of
    from ..issuer.settings import IssuerSettings
    from .rotation import Rotation
    from .settings import KeySettings

    return Rotation.of(folder.read(), settings_of(KeySettings), settings_of(IssuerSettings).token_lifetime)


def state(rotation: "Rotation", key: "Key") -> str:
    from myapp.platform.database.types import utc_now

    if key is rotation.signing(utc_now()):
        return "signs"
    if (until := rotation.published_until(key)) and rotation.signs_from(key) <= utc_now():
        return f"signed, published until {until:%Y-%m-%d %H:%M:%S} UTC"
    return f"published, signs from {rotation.signs_from(key):%Y-%m-%d %H:%M:%S} UTC"
