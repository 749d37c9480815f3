"""The start fails if the stack lacks a private name that we use. The message has the name."""

import pytest
from pico_sqlalchemy import session

from myapp.platform.errors import StartupError
from myapp.platform.pico.private_names import check_private_names


def test_the_installed_stack_has_all() -> None:
    check_private_names()


def test_a_missing_name_is_in_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(session, "TransactionContext")
    with pytest.raises(StartupError, match=r"pico_sqlalchemy\.session\.TransactionContext"):
        check_private_names()
