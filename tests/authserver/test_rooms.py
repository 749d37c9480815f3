"""The auth server imports the platform, but no feature of the API."""

import re

from authserver.boot import FOLDER


def test_it_imports_no_feature_of_the_api() -> None:
    used: set[str] = set()
    for file in FOLDER.rglob("*.py"):
        used.update(re.findall(r"^\s*(?:from|import) myapp\.(\w+)", file.read_text(encoding="utf-8"), re.MULTILINE))
    assert used == {"platform"}


def test_services_import_no_web_framework() -> None:
    for file in FOLDER.rglob("*.py"):
        if file.stem in {"services", "lockout", "checks", "tokens", "ring", "repositories", "passwords"}:
            assert not re.search(r"fastapi|starlette|myapp\.platform\.web", file.read_text(encoding="utf-8")), file
