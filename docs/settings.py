"""Make settings.md from the two application.yaml: run ``make docs`` after a change of one of them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "settings.md"
API = DOCS.parent / "application.yaml"
AUTH_SERVER = DOCS.parent / "authserver" / "application.yaml"

SECTION = re.compile(r"(\w+):(?: # (.*))?")
KEY = re.compile(r"  (?:# )?(\w+):(?: +(?!# )(.*?))?(?: +# (.*))?")
"""A key, commented out or not, with its value and the comment that says what it means."""
MORE = re.compile(r"  # (.*)")
"""The next line of a comment that needs more than one."""

Section = tuple[str, str | None, list[tuple[str, str | None, str]]]
"""Its name, what it is about, and its keys: name, value, meaning."""

INTRODUCTION = """\
<!-- Made by docs/settings.py from the two application.yaml. Do not edit: a test compares. -->
# Settings

Every setting, its default, and what it means. The files are [`application.yaml`](../application.yaml) for the API, the
worker and the relay, and [`authserver/application.yaml`](../authserver/application.yaml) for the bundled auth server.

- An environment variable overrides a key: `SECTION__KEY`, for the auth server `AUTHSERVER__SECTION__KEY`.
- Lists and mappings are written as JSON in the environment: `WEB__CORS_ORIGINS='["https://shop.example.com"]'`.
  All other values are taken as they are: a password may look like JSON.
- An empty environment variable counts as unset. To empty a setting, such as `mail.username`, write `""` into the file.
- A relative path is relative to the file, not to the working directory.
- `PRODUCTS_API_CONFIG` and `AUTHSERVER_CONFIG` name other files. If they are empty, they count as unset too.
- An unknown section, an unknown key or a wrong value stops the start with one line that names the key and its variable.
- All times are in seconds unless the text says otherwise.
"""


def page() -> str:
    return "\n".join(
        [
            INTRODUCTION,
            *chapter("API, worker and relay", API, ""),
            *chapter("Auth server", AUTH_SERVER, "AUTHSERVER__"),
        ]
    )


def chapter(title: str, file: Path, prefix: str) -> Iterator[str]:
    yield f"## {title}\n"
    for section, about, keys in sections(file):
        yield f"### `{section}`{' of the auth server' if prefix else ''}\n"
        if about:
            yield f"{sentence(about)}\n"
        yield "| key | environment variable | default | meaning |\n|---|---|---|---|"
        for key, value, meaning in keys:
            variable = f"{prefix}{section}__{key}".upper()
            yield f"| `{key}` | `{variable}` | {default(value)} | {sentence(meaning)} |"
        yield ""


def sections(file: Path) -> list[Section]:
    found: list[Section] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if section := SECTION.fullmatch(line):
            found.append((section[1], section[2], []))
        elif key := KEY.fullmatch(line):
            found[-1][2].append((key[1], key[2], key[3] or ""))
        elif (more := MORE.fullmatch(line)) and found:
            name, value, meaning = found[-1][2].pop()
            found[-1][2].append((name, value, f"{meaning} {more[1]}"))
    return found


def default(text: str | None) -> str:
    """Return the value as the environment has it; one that takes several lines is left to the file."""
    if text is None:
        return "see the file"
    value = yaml.safe_load(text)
    if value in ("", [], {}):
        return "empty" if value == "" else f"`{json.dumps(value)}`"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def sentence(text: str) -> str:
    return (text[:1].upper() + text[1:]).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
