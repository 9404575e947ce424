"""The configuration: how it is filled, and that each change is noticed."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from microquart.config import (
    DEFAULT_CONFIG,
    Config,
    ConfigAttribute,
    get_debug_flag,
    get_load_dotenv,
    import_string,
)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(tmp_path)


# -- the defaults --


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("MAX_CONTENT_LENGTH", 16 * 1024 * 1024),
        ("MAX_FORM_MEMORY_SIZE", 500_000),
        ("MAX_FORM_PARTS", 1000),
        ("MAX_FORM_PART_HEAD", 8 * 1024),
        ("MAX_FORM_PART_LINES", 16),
        ("MAX_JSON_DEPTH", 200),
        ("MAX_JSON_DIGITS", 4300),
        ("MAX_QUERY_PARAMETERS", 1000),
        ("BODY_TIMEOUT", 60),
        ("RESPONSE_TIMEOUT", 60),
        ("BACKGROUND_TASK_SHUTDOWN_TIMEOUT", 5),
        ("SESSION_COOKIE_SAMESITE", "Lax"),
        ("SESSION_COOKIE_HTTPONLY", True),
        ("SESSION_COOKIE_SECURE", None),
        ("PERMANENT_SESSION_LIFETIME", timedelta(days=31)),
        ("TRUSTED_HOSTS", None),
    ],
)
def test_a_key_has_a_default(key: str, value: object) -> None:
    assert DEFAULT_CONFIG[key] == value


# -- filling --


class Settings:
    PORT = 25
    lower = "ignored"


@pytest.mark.parametrize(
    "source",
    [
        Settings,
        Settings(),
        SimpleNamespace(PORT=25, lower="ignored"),
        f"{__name__}:Settings",
        f"{__name__}.Settings",
    ],
    ids=["class", "object", "namespace", "path with colon", "path with dot"],
)
def test_upper_case_attributes_are_loaded(
    config: Config, source: object
) -> None:
    config.from_object(source)
    assert config == {"PORT": 25}


def test_a_missing_module_is_named(config: Config) -> None:
    with pytest.raises(ImportError, match="no_such_module"):
        config.from_object("no_such_module.settings")


def test_a_missing_name_in_a_module_is_named() -> None:
    with pytest.raises(ImportError, match=r"os\.path has no 'nope'"):
        import_string("os.path:nope")


def test_an_import_that_fails_inside_of_the_module_is_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "settings_that_fail.py").write_text("import no_such_module")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        import_string("settings_that_fail")


FILES: list[tuple[str, str, Callable[[Config], bool]]] = [
    (
        "c.py",
        "import os\nPORT = 20 + 5\nlower = 1",
        lambda c: c.from_pyfile("c.py"),
    ),
    ("c.json", '{"PORT": 25, "lower": 1}', lambda c: c.from_json("c.json")),
    ("c.toml", "PORT = 25\nlower = 1", lambda c: c.from_toml("c.toml")),
    ("c", '{"PORT": 25}', lambda c: c.from_file("c", json.load)),
    ("b", '{"PORT": 25}', lambda c: c.from_file("b", binary, text=False)),
]


def binary(file: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read().decode())
    return found


@pytest.mark.parametrize(("name", "text", "load"), FILES)
def test_a_file_is_loaded(
    config: Config,
    tmp_path: Path,
    name: str,
    text: str,
    load: Callable[[Config], bool],
) -> None:
    (tmp_path / name).write_text(text)
    assert load(config) is True
    assert config == {"PORT": 25}


SILENT: list[Callable[[Config, bool], bool]] = [
    lambda c, silent: c.from_pyfile("missing", silent),
    lambda c, silent: c.from_json("missing", silent),
    lambda c, silent: c.from_toml("missing", silent),
    lambda c, silent: c.from_file("missing", json.load, silent),
    lambda c, silent: c.from_pyfile(".", silent),
]


@pytest.mark.parametrize("load", SILENT)
def test_a_missing_file_is_an_error_unless_silent(
    config: Config, load: Callable[[Config, bool], bool]
) -> None:
    assert load(config, True) is False
    with pytest.raises(OSError, match="cannot load the configuration"):
        load(config, False)


def test_a_python_file_knows_its_own_name(
    config: Config, tmp_path: Path
) -> None:
    (tmp_path / "c.py").write_text("HERE = __file__")
    config.from_pyfile("c.py")
    assert config["HERE"] == str(tmp_path / "c.py")


def test_mappings_and_keywords_are_merged(config: Config) -> None:
    assert config.from_mapping({"A": 1, "B": 1, "c": 1}, B=2, d=2)
    assert config == {"A": 1, "B": 2}


def test_an_environment_variable_names_a_file(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c.py").write_text("PORT = 25")
    monkeypatch.setenv("SETTINGS_OF_TEST", "c.py")
    assert config.from_envvar("SETTINGS_OF_TEST")
    assert config == {"PORT": 25}


def test_an_environment_variable_that_is_not_set_is_an_error_unless_silent(
    config: Config,
) -> None:
    assert config.from_envvar("SETTINGS_OF_TEST", silent=True) is False
    with pytest.raises(RuntimeError, match="SETTINGS_OF_TEST"):
        config.from_envvar("SETTINGS_OF_TEST")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("TEST_A", "1", {"A": 1}),
        ("TEST_A", "[1, 2]", {"A": [1, 2]}),
        ("TEST_A", "no JSON", {"A": "no JSON"}),
        ("TEST_lower", "true", {"lower": True}),
        ("TEST_A__B", "1", {"A": {"B": 1}}),
        ("TEST_A__B__c", "x", {"A": {"B": {"c": "x"}}}),
    ],
)
def test_a_prefixed_variable_is_loaded(
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    text: str,
    expected: dict[str, object],
) -> None:
    monkeypatch.setenv(name, text)
    assert config.from_prefixed_env("TEST")
    assert config == expected


def test_the_prefix_is_ours_by_default(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROQUART_PORT_OF_TEST", "25")
    config.from_prefixed_env()
    assert config["PORT_OF_TEST"] == 25


def test_another_loader_may_refuse_in_its_own_way(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(text: str) -> object:
        raise SyntaxError(text)

    monkeypatch.setenv("TEST_A", "1")
    config.from_prefixed_env("TEST", loads=refuse)
    assert config == {"A": "1"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"host": "mx", "port": 25}),
        ({"lowercase": False}, {"HOST": "mx", "PORT": 25}),
        ({"trim_namespace": False}, {"mail_host": "mx", "mail_port": 25}),
    ],
)
def test_a_namespace_is_a_dictionary(
    options: dict[str, bool], expected: dict[str, object]
) -> None:
    config = Config("", {"MAIL_HOST": "mx", "MAIL_PORT": 25, "OTHER": 1})
    assert config.get_namespace("MAIL_", **options) == expected


# -- the version --

CHANGES: list[Callable[[Config], object]] = [
    lambda c: c.__setitem__("A", 2),
    lambda c: c.__delitem__("A"),
    lambda c: c.update(A=2),
    lambda c: c.__ior__({"A": 2}),
    lambda c: c.setdefault("B", 2),
    lambda c: c.pop("A"),
    lambda c: c.popitem(),
    lambda c: c.clear(),
    lambda c: c.from_mapping(A=2),
    lambda c: c._set_nested(["M", "x"], 2),
]


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_moves_the_version(
    change: Callable[[Config], object],
) -> None:
    config = Config("", {"A": 1, "M": {}})
    before = config.version
    change(config)
    assert config.version > before


def test_reading_does_not_move_the_version() -> None:
    config = Config("", {"A": 1})
    assert (config["A"], config.get("B"), "A" in config, list(config)) == (
        1,
        None,
        True,
        ["A"],
    )
    assert config.version == 0


def test_merging_in_place_keeps_the_object() -> None:
    config = before = Config("", {"A": 1})
    config |= {"B": 2}
    assert config is before
    assert config == {"A": 1, "B": 2}


def test_pop_may_have_a_default() -> None:
    assert Config("").pop("A", None) is None
    with pytest.raises(KeyError):
        Config("").pop("A")


# -- attributes --


class Application:
    secret_key = ConfigAttribute[str]("SECRET_KEY")
    lifetime = ConfigAttribute(
        "LIFETIME", lambda value: timedelta(seconds=int(value))
    )

    def __init__(self) -> None:
        self.config = Config("", {"SECRET_KEY": "abc", "LIFETIME": 60})


def test_an_attribute_reads_and_sets_the_key() -> None:
    app = Application()
    assert app.secret_key == "abc"
    app.secret_key = "xyz"
    assert app.config["SECRET_KEY"] == "xyz"


def test_an_attribute_may_convert() -> None:
    assert Application().lifetime == timedelta(minutes=1)


def test_on_the_class_it_is_the_attribute_itself() -> None:
    assert isinstance(Application.secret_key, ConfigAttribute)


# -- the environment's flags --


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1", True),
        ("true", True),
        ("0", False),
        ("False", False),
        ("no", False),
    ],
)
@pytest.mark.parametrize("prefix", ["MICROQUART", "QUART"])
def test_the_debug_flag_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, prefix: str, value: str, expected: bool
) -> None:
    monkeypatch.setenv(f"{prefix}_DEBUG", value)
    assert get_debug_flag() is expected


def test_dotenv_files_can_be_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    assert get_load_dotenv() is True
    assert get_load_dotenv(False) is False
    monkeypatch.setenv("MICROQUART_SKIP_DOTENV", "1")
    assert get_load_dotenv() is False
