"""Settings: a YAML file, overridden by the environment, checked before anything else happens."""

import dataclasses
import os
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Optional

import pytest
from pico_ioc.config_runtime import ConfigResolver
from pico_ioc.exceptions import ConfigurationError

from myapp.boot import ROOT, SECTIONS, settings_of
from myapp.platform.auth.settings import AuthSettings
from myapp.platform.config import SettingsSource
from myapp.platform.database.engine import EngineSettings
from myapp.platform.errors import StartupError
from myapp.platform.mail.settings import MailSettings
from myapp.platform.web.settings import WebSettings
from myapp.products.settings import ProductsSettings

Read = Callable[..., Mapping[str, Any]]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the settings of the person who runs the tests."""
    for name in os.environ:
        if name.lower().partition("__")[0] in SECTIONS:
            monkeypatch.delenv(name)


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """``read("web: {log_json: true}", WEB__LOG_LEVEL="DEBUG")`` returns the merged tree."""

    def read_tree(yaml: str = "", **environment: str) -> Mapping[str, Any]:
        (tmp_path / "application.yaml").write_text(yaml, encoding="utf-8")
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return SettingsSource(tmp_path / "application.yaml", SECTIONS).get_tree()

    return read_tree


def refusal(read: Read, *arguments: str, **environment: str) -> str:
    with pytest.raises(ConfigurationError) as raised:
        read(*arguments, **environment)
    message = str(raised.value)
    assert "\n" not in message
    return message


class TestApplicationYaml:
    def test_it_documents_every_setting_of_ours_with_its_default(self) -> None:
        tree = SettingsSource(ROOT / "application.yaml", SECTIONS).get_tree()
        for name in ("engine", "web", "auth", "products"):
            settings = SECTIONS[name]
            assert set(tree[name]) == {field.name for field in dataclasses.fields(settings)}
        assert settings_of(EngineSettings) == EngineSettings()
        assert settings_of(WebSettings) == WebSettings()
        assert settings_of(ProductsSettings) == ProductsSettings()
        assert dataclasses.replace(settings_of(AuthSettings), permissions={}) == AuthSettings()

    @pytest.mark.parametrize("section", ["database", "auth_client", "fastapi"])
    def test_it_mentions_every_setting_of_the_packages(self, section: str) -> None:
        text = (ROOT / "application.yaml").read_text(encoding="utf-8")
        part = text.partition(f"\n{section}:\n")[2].partition("\n\n")[0]
        known = {field.name for field in dataclasses.fields(SECTIONS[section])} - {"telemetry"}
        assert {name for name in known if f"{name}:" not in part} == set()


class TestEnvironment:
    @pytest.mark.parametrize(
        ("name", "value", "expected"),
        [
            ("DATABASE__POOL_SIZE", "17", 17),
            ("DATABASE__ECHO", "true", True),
            ("DATABASE__ECHO", "off", False),
            ("DATABASE__POOL_PRE_PING", "1", True),
            ("ENGINE__POOL_TIMEOUT", "2.5", 2.5),
            ("ENGINE__POOL_TIMEOUT", "4", 4.0),
            ("ENGINE__NULL_POOL", "yes", True),
            ("FASTAPI__TITLE", "Lamps & more: #1", "Lamps & more: #1"),
            ("FASTAPI__VERSION", "2", "2"),
            ("AUTH_CLIENT__ISSUER", "https://auth.example/realms/a", "https://auth.example/realms/a"),
            ("AUTH_CLIENT__ENABLED", "false", False),
            ("AUTH_CLIENT__JWKS_TTL_SECONDS", "60", 60),
            ("AUTH_CLIENT__ACCEPTED_ALGORITHMS", '["RS256", "ES256"]', ("RS256", "ES256")),
            ("AUTH__ROLE_CLAIMS", '["realm_access.roles"]', ["realm_access.roles"]),
            ("AUTH__ROLE_CLAIMS", "[]", []),
            ("AUTH__PERMISSIONS", '{"admin": ["products:delete"]}', {"admin": ["products:delete"]}),
            ("AUTH__LEEWAY", "0", 0),
            ("WEB__ROOT_PATH", "/shop", "/shop"),
            (
                "WEB__CORS_ORIGINS",
                '["https://a.example", "https://b.example"]',
                ["https://a.example", "https://b.example"],
            ),
            ("WEB__LOG_LEVEL", "DEBUG", "DEBUG"),
            ("PRODUCTS__LIST_BATCH_SIZE", "10", 10),
            ("products__list_batch_size", "10", 10),
        ],
    )
    def test_it_overrides_every_section_with_its_type(
        self, read: Read, name: str, value: str, expected: object
    ) -> None:
        section, key = name.lower().split("__")
        tree = read((ROOT / "application.yaml").read_text(encoding="utf-8"), **{name: value})
        assert tree[section][key] == expected
        assert type(tree[section][key]) is type(expected)

    @pytest.mark.parametrize(
        "value", ["[abc", "[]", '["a"]', "{", '{"a": 1}', '"x"', "null", "123", "1.10", "true", "no", " ", "~", "'a'"]
    )
    @pytest.mark.parametrize(
        "name",
        [
            "MAIL__PASSWORD",
            "STORAGE__SECRET_KEY",
            "AUTH_CLIENT__REVOCATION_BEARER",
            "FASTAPI__TITLE",
            "CELERY__BACKEND_URL",
        ],
    )
    def test_a_text_stays_what_it_is(self, read: Read, name: str, value: str) -> None:
        """Whatever it looks like: only the type of the setting decides."""
        section, key = name.lower().split("__")
        assert read("", **{name: value})[section][key] == value

    @pytest.mark.parametrize("section", SECTIONS)
    def test_every_text_setting_takes_a_text_that_looks_like_json(self, read: Read, section: str) -> None:
        for field in dataclasses.fields(SECTIONS[section]):
            if field.type is str and field.name != "migrations_path":
                assert read("", **{f"{section}__{field.name}".upper(): "[1"})[section][field.name] == "[1"

    @pytest.mark.parametrize(
        ("kind", "value", "expected"),
        [
            (Optional[list[int]], "[1]", [1]),  # noqa: UP045 - as a package may write it
            (list[int] | None, "null", None),
            (str | None, "null", "null"),
            (str | None, "[1]", "[1]"),
            (str | list[str], '["a"]', ["a"]),
            (str | list[str], "a", "a"),
            (str | list[str], "[a", "[a"),
            (set[str], '["a"]', {"a"}),
            (Mapping[str, int], '{"a": 1}', {"a": 1}),
            (EngineSettings, '{"null_pool": true}', dataclasses.asdict(EngineSettings(null_pool=True))),
            (Annotated[list[str], "of names"], '["a"]', ["a"]),
            (Annotated[str, "a name"], '["a"]', '["a"]'),
            (Any, "true", True),
            (Any, "yes", "yes"),
            (int, "1", 1),
        ],
    )
    def test_the_type_decides_on_the_syntax(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: Any, value: str, expected: object
    ) -> None:
        section = dataclasses.make_dataclass("Section", [("key", kind)])
        (tmp_path / "application.yaml").write_text("", encoding="utf-8")
        monkeypatch.setenv("SECTION__KEY", value)
        tree = SettingsSource(tmp_path / "application.yaml", {"section": section}).get_tree()
        assert tree["section"]["key"] == expected

    @pytest.mark.parametrize("value", ["a${ENV:HOME}b", "${ENV:NO_SUCH_VARIABLE}", "${ref:web.log_level}", "${", "$a"])
    def test_a_text_is_no_template(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        """pico-ioc would put other values in. In the file it may."""
        monkeypatch.setenv("MAIL__PASSWORD", value)
        monkeypatch.setenv("OTHER_NAME", "from the environment")
        (tmp_path / "application.yaml").write_text("mail: {username: '${ENV:OTHER_NAME}'}", encoding="utf-8")
        source = SettingsSource(tmp_path / "application.yaml", SECTIONS)
        mail = ConfigResolver((source,)).subtree("mail")
        assert (mail["username"], mail["password"]) == ("from the environment", value)
        assert source.settings(MailSettings).password == value

    def test_a_key_below_a_mapping(self, read: Read) -> None:
        tree = read("", AUTH__PERMISSIONS__VIEWER='["a:b"]', FASTAPI__TELEMETRY__AUTO_CONFIGURE="false")
        assert tree["auth"] == {"permissions": {"viewer": ["a:b"]}}
        assert tree["fastapi"]["telemetry"] == {"auto_configure": False}

    def test_an_empty_variable_counts_as_unset(self, read: Read) -> None:
        empty = {"WEB__ROOT_PATH": "", "DATABASE__POOL_SIZE": "", "WEB__CORS_ORIGINS": "", "AUTH__PERMISSIONS": ""}
        yaml = "{web: {root_path: /shop, cors_origins: ['https://a.example']}, database: {pool_size: 3}}"
        assert read(yaml, **empty) == read(yaml)
        assert read("web: {root_path: ''}", WEB__ROOT_PATH="")["web"]["root_path"] == ""

    def test_an_empty_name_of_the_file_counts_as_unset(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PRODUCTS_API_CONFIG", "")
        assert settings_of(ProductsSettings) == ProductsSettings()

    def test_it_needs_no_section_in_the_file(self, read: Read) -> None:
        assert read("", WEB__LOG_JSON="true")["web"] == {"log_json": True}

    def test_lists_are_replaced_and_mappings_too(self, read: Read) -> None:
        yaml = "auth: {role_claims: [a, b], permissions: {admin: ['a:b'], viewer: ['c:d']}}"
        tree = read(yaml, AUTH__ROLE_CLAIMS='["c"]', AUTH__PERMISSIONS='{"admin": []}')
        assert tree["auth"] == {"role_claims": ["c"], "permissions": {"admin": []}}

    def test_variables_of_other_programs_are_ignored(self, read: Read) -> None:
        foreign = {"OTHER__KEY": "{", "X__Y": "z", "__A": "b", "KUBERNETES__PORT": "tcp://", "DATABASE": "x", "_": "y"}
        assert read("web: {log_json: true}", **foreign) == read("web: {log_json: true}")

    def test_a_prefix_keeps_two_applications_apart(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "application.yaml").write_text("", encoding="utf-8")
        monkeypatch.setenv("AUTHSERVER__WEB__LOG_JSON", "true")
        monkeypatch.setenv("WEB__LOG_LEVEL", "nonsense, and of another application")
        source = SettingsSource(tmp_path / "application.yaml", {"web": WebSettings}, env_prefix="AUTHSERVER__")
        assert source.get_tree() == {"web": {"log_json": True}}
        monkeypatch.setenv("AUTHSERVER__WEB__LOG_LEVEL", "LOUD")
        with pytest.raises(ConfigurationError, match="AUTHSERVER__WEB__LOG_LEVEL"):
            source.get_tree()


class TestVersion:
    def test_it_is_that_of_the_installed_package(self, read: Read) -> None:
        assert read("")["fastapi"] == {"version": version("products-api")}
        assert read('fastapi: {version: ""}')["fastapi"] == {"version": version("products-api")}

    def test_a_setting_replaces_it(self, read: Read) -> None:
        assert read("fastapi: {version: '2026.11'}", FASTAPI__VERSION="2026.12")["fastapi"] == {"version": "2026.12"}


class TestRefusals:
    """The message is one line with the key and the variable that sets it."""

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("DATABASE__POOL_SIZE", "many"),
            ("DATABASE__POOL_SIZE", "1.5"),
            ("DATABASE__ECHO", "perhaps"),
            ("ENGINE__POOL_TIMEOUT", "0"),
            ("ENGINE__POOL_TIMEOUT", "soon"),
            ("ENGINE__MAX_OVERFLOW", "-1"),
            ("AUTH_CLIENT__ACCEPTED_ALGORITHMS", "RS256"),
            ("AUTH__ROLE_CLAIMS", "roles"),
            ("AUTH__ROLE_CLAIMS", "[1]"),
            ("AUTH__PERMISSIONS", "[]"),
            ("AUTH__LEEWAY", "-1"),
            ("AUTH__LEEWAY", "3600"),
            ("WEB__LOG_LEVEL", "LOUD"),
            ("WEB__CORS_ORIGINS", "https://a.example"),
            ("WEB__MAX_BODY_BYTES", "0"),
            ("PRODUCTS__LIST_BATCH_SIZE", "0"),
        ],
    )
    def test_a_value_of_the_wrong_type_or_range(self, read: Read, name: str, value: str) -> None:
        message = refusal(read, **{name: value})
        assert name.lower().replace("__", ".") in message
        assert name in message

    def test_a_value_in_the_file(self, read: Read) -> None:
        assert "database.pool_size" in refusal(read, "database: {pool_size: [1]}")
        assert "web.log_level" in refusal(read, "web: {log_level: null}")
        assert "web.cors_origins" in refusal(read, "web: {cors_origins: https://a.example}")

    def test_an_unknown_key(self, read: Read) -> None:
        assert "web.log_levle (WEB__LOG_LEVLE): unknown key" in refusal(read, "web: {log_levle: INFO}")
        assert "DATABASE__URLL" in refusal(read, DATABASE__URLL="x")

    def test_an_unknown_key_below_a_value(self, read: Read) -> None:
        assert "web.log_level.deep" in refusal(read, "web: {log_level: INFO}", WEB__LOG_LEVEL__DEEP="x")

    def test_the_message_has_every_fault(self, read: Read) -> None:
        message = refusal(read, "web: {log_level: LOUD, log_json: maybe, nothing: 1}")
        assert all(key in message for key in ("web.log_level", "web.log_json", "web.nothing"))

    def test_an_unknown_section(self, read: Read) -> None:
        assert refusal(read, "webb: {log_level: INFO}") == "webb: unknown section in application.yaml"

    @pytest.mark.parametrize("section", ["", "7", "[]", "INFO"])
    def test_a_section_that_is_no_mapping(self, read: Read, section: str) -> None:
        assert "web: must be a mapping" in refusal(read, f"web: {section}")

    @pytest.mark.parametrize("value", ["[", "{", '["a"', "{'a': 1}", "[] []"])
    def test_bad_json(self, read: Read, value: str) -> None:
        message = refusal(read, WEB__CORS_ORIGINS=value)
        assert "WEB__CORS_ORIGINS" in message
        assert "JSON" in message

    @pytest.mark.parametrize(
        "yaml", ["web: {", "a: b: c", "\t- a", "- web", "text", "web: *unknown", "!!python/object:os.system {}"]
    )
    def test_bad_yaml(self, read: Read, yaml: str) -> None:
        assert "application.yaml" in refusal(read, yaml)

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"missing\.yaml"):
            SettingsSource(tmp_path / "missing.yaml", SECTIONS).get_tree()

    def test_a_file_that_is_no_text(self, tmp_path: Path) -> None:
        (tmp_path / "application.yaml").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(ConfigurationError, match=r"application\.yaml"):
            SettingsSource(tmp_path / "application.yaml", SECTIONS).get_tree()

    def test_the_message_has_no_secret(self, read: Read) -> None:
        secret = "s3cr3t"
        for environment in (
            {"DATABASE__POOL_SIZE": secret},
            {"WEB__CORS_ORIGINS": f'["{secret}'},
            {"WEB__CORS_ORIGINS": f'{{"{secret}": 1}}'},
            {"AUTH__PERMISSIONS": secret},
            {"WEB__LOG_LEVEL": secret},
        ):
            with pytest.MonkeyPatch.context() as patch:
                for name, value in environment.items():
                    patch.setenv(name, value)
                assert secret not in refusal(read)
        assert secret not in refusal(read, f"database: {{url: [{secret}], pool_size: {secret}}}")

    def test_the_message_quotes_no_line_of_the_file(self, read: Read) -> None:
        message = refusal(read, "web: {log_json: true}\ndatabase: {url: 'postgresql+asyncpg://user:s3cr3t@host/name, x")
        assert "s3cr3t" not in message
        assert "line 2" in message

    def test_settings_of_one_section_are_refused_the_same_way(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WEB__LOG_LEVEL", "LOUD")
        with pytest.raises(StartupError, match="WEB__LOG_LEVEL"):
            settings_of(WebSettings)


class TestPaths:
    """They start at the folder of the settings file, not at the working directory."""

    @pytest.fixture(autouse=True)
    def elsewhere(self, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))

    @pytest.mark.parametrize("file", ["./data/products.db", "data/products.db", "products.db", "../products.db"])
    def test_a_relative_database(self, read: Read, tmp_path: Path, file: str) -> None:
        for arguments in (
            (f"database: {{url: 'sqlite+aiosqlite:///{file}'}}", {}),
            ("", {"DATABASE__URL": f"sqlite+aiosqlite:///{file}"}),
        ):
            url = read(arguments[0], **arguments[1])["database"]["url"]
            assert url.startswith("sqlite+aiosqlite:////")
            assert Path(url.removeprefix("sqlite+aiosqlite:///")).resolve() == (tmp_path / file).resolve()

    @pytest.mark.parametrize(
        "url",
        [
            "sqlite+aiosqlite:////var/lib/products.db",
            "postgresql+asyncpg://user:p%40ss@host:5432/name?ssl=require",
            "sqlite+aiosqlite://",
            "sqlite+aiosqlite:///",
            "sqlite+aiosqlite:///:memory:",
            "nonsense",
        ],
    )
    def test_any_other_database_stays_as_it_is(self, read: Read, url: str) -> None:
        assert read("", DATABASE__URL=url)["database"]["url"] == url

    def test_migrations(self, read: Read, tmp_path: Path) -> None:
        assert read("database: {migrations_path: migrations}")["database"]["migrations_path"] == str(
            tmp_path / "migrations"
        )
        assert read("database: {migrations_path: /srv/m}")["database"]["migrations_path"] == "/srv/m"

    def test_a_folder_by_default_and_by_setting(self, read: Read, tmp_path: Path) -> None:
        assert read("")["storage"]["url"] == str(tmp_path / "data/files")
        assert read("storage: {url: files}")["storage"]["url"] == str(tmp_path / "files")
        assert read("storage: {url: /srv/files}")["storage"]["url"] == "/srv/files"

    def test_a_url_is_no_folder(self, read: Read) -> None:
        assert read("", STORAGE__URL="s3://bucket/prefix")["storage"]["url"] == "s3://bucket/prefix"
