"""Another version of the stack is noticed at start, by name."""

import pytest
from pico_sqlalchemy import session

from myapp.platform.errors import StartupError
from myapp.platform.pico.private_names import check_private_names


def test_the_installed_one_is_as_expected() -> None:
    check_private_names()


def test_a_name_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(session, "TransactionContext")
    with pytest.raises(StartupError, match=r"pico_sqlalchemy\.session\.TransactionContext"):
        check_private_names()
