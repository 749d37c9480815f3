"""The rules between the rooms of the auth server that no contract of import-linter says."""

import re

from authserver.boot import FOLDER


def test_services_import_no_web_framework() -> None:
    for file in FOLDER.rglob("*.py"):
        if file.stem in {"services", "lockout", "checks", "tokens", "ring", "repositories", "passwords"}:
            assert not re.search(r"fastapi|starlette|myapp\.platform\.web", file.read_text(encoding="utf-8")), file
