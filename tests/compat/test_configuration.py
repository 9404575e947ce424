"""The configuration and where it comes from."""

import json
import tomllib

import pytest

row = pytest.mark.row
differs = pytest.mark.differs

KEY = "from this module"


class Settings:
    NAME = "a"
    lower = "no"


@row("app.config as a dictionary")
def test_the_configuration_is_a_dictionary(quart, app):
    assert isinstance(app.config, dict)
    assert type(app.config) is quart.Config
    app.config["A"] = 1
    app.config.update(B=2)
    assert (app.config["A"], app.config.get("B")) == (1, 2)
    assert set(app.default_config) <= set(app.config)


@row("config.from_object")
@pytest.mark.parametrize("way", ["class", "path", "object"])
def test_settings_come_from_an_object(app, way):
    place = f"{__name__}.Settings"
    source = {"class": Settings, "path": place, "object": Settings()}[way]
    if way == "path":
        source = "tests.compat.test_configuration.Settings"
    app.config.from_object(source)
    assert app.config["NAME"] == "a"
    assert "lower" not in app.config


@row("config.from_pyfile", "silent=")
def test_settings_come_from_a_python_file(app, tmp_path):
    file = tmp_path / "settings.cfg"
    file.write_text("NAME = 'a' + 'b'\nlower = 1\n")
    assert app.config.from_pyfile(str(file)) is True
    assert app.config["NAME"] == "ab"
    assert "lower" not in app.config
    assert app.config.from_pyfile("nope.cfg", silent=True) is False
    with pytest.raises(FileNotFoundError):
        app.config.from_pyfile("nope.cfg")


@row("config.from_file(name", "silent=")
@pytest.mark.parametrize(
    ("content", "load", "text"),
    [
        ('{"NAME": "a", "lower": 1}', json.load, True),
        ('NAME = "a"\nlower = 1', tomllib.load, False),
    ],
    ids=["json", "toml"],
)
def test_settings_come_from_a_file(app, tmp_path, content, load, text):
    (tmp_path / "settings").write_text(content)
    path = str(tmp_path / "settings")
    assert app.config.from_file(path, load=load, text=text) is True
    assert app.config["NAME"] == "a"
    assert "lower" not in app.config
    assert app.config.from_file("nope", load=load, silent=True) is False


@row("config.from_json")
@differs("config.from_json is here still, for the programs of the book")
def test_settings_come_from_json_by_an_old_name(app, tmp_path):
    (tmp_path / "settings.json").write_text('{"NAME": "a"}')
    app.config.from_json(str(tmp_path / "settings.json"))
    assert app.config["NAME"] == "a"


@row("config.from_mapping")
def test_settings_come_from_a_mapping(app):
    app.config.from_mapping({"A": 1, "lower": 2}, B=3)
    assert (app.config["A"], app.config["B"]) == (1, 3)
    assert "lower" not in app.config


@row("config.from_envvar", "silent=")
def test_a_variable_names_the_file(app, tmp_path, monkeypatch):
    (tmp_path / "settings.py").write_text("NAME = 'a'")
    monkeypatch.setenv("MY_SETTINGS", str(tmp_path / "settings.py"))
    assert app.config.from_envvar("MY_SETTINGS") is True
    assert app.config["NAME"] == "a"
    assert app.config.from_envvar("NOPE", silent=True) is False
    with pytest.raises(RuntimeError, match="NOPE"):
        app.config.from_envvar("NOPE")


@row("config.from_envvar")
def test_settings_come_from_prefixed_variables(app, monkeypatch):
    monkeypatch.setenv("MY_NUMBER", "7")
    monkeypatch.setenv("MY_TEXT", "a b")
    monkeypatch.setenv("MY_DEEP__KEY", "[1]")
    assert app.config.from_prefixed_env("MY") is True
    assert app.config["NUMBER"] == 7
    assert app.config["TEXT"] == "a b"
    assert app.config["DEEP"] == {"KEY": [1]}


@row("config.from_envvar")
def test_the_usual_prefix_is_quart(app, monkeypatch):
    monkeypatch.setenv("QUART_MINE", "true")
    app.config.from_prefixed_env()
    assert app.config["MINE"] is True


@row("config.from_envvar")
@differs("MICROQUART_ is a prefix too, and comes first")
def test_our_prefix_is_read_too(app, monkeypatch):
    monkeypatch.setenv("QUART_MINE", "1")
    monkeypatch.setenv("MICROQUART_MINE", "2")
    app.config.from_prefixed_env()
    assert app.config["MINE"] == 2


@row("config.get_namespace")
def test_keys_with_a_prefix_are_had_together(app):
    app.config.update(DB_HOST="a", DB_PORT=1)
    get = app.config.get_namespace
    assert get("DB_") == {"host": "a", "port": 1}
    assert get("DB_", lowercase=False) == {"HOST": "a", "PORT": 1}
    assert get("DB_", trim_namespace=False)["db_host"] == "a"
