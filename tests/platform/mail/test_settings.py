"""The section ``mail``."""

import pytest

from myapp.boot import settings_of
from myapp.platform.errors import StartupError
from myapp.platform.mail.settings import MailSettings


def test_default_is_a_folder() -> None:
    settings = settings_of(MailSettings)
    assert (settings.transport, settings.folder.rpartition("/")[2], settings.alerts_to) == ("folder", "mail", [])


def test_addresses_may_have_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL__SENDER", "Shop <shop@example.com>")
    monkeypatch.setenv("MAIL__ALERTS_TO", '["ops@example.com", "Ada <ada@example.com>"]')
    settings = settings_of(MailSettings)
    assert settings.sender == "Shop <shop@example.com>"
    assert settings.alerts_to == ["ops@example.com", "Ada <ada@example.com>"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MAIL__SENDER", "nobody"),
        ("MAIL__SENDER", " "),
        ("MAIL__ALERTS_TO", '["ops@example.com", "ops"]'),
        ("MAIL__TRANSPORT", "pigeon"),
        ("MAIL__TLS", "yes"),
        ("MAIL__PORT", "0"),
        ("MAIL__TIMEOUT", "0"),
    ],
)
def test_a_wrong_value_names_the_setting(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(StartupError, match=variable):
        settings_of(MailSettings)
