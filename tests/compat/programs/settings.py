"""A configuration from a class, from JSON and from YAML."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from quart import Quart


class Production:
    DEBUG = False
    DATABASE = "sqlite:///shop.db"
    ignored = True


app = Quart(__name__)
app.config.from_object(Production)

with TemporaryDirectory() as folder:
    file = Path(folder, "settings.json")
    file.write_text('{"NAME": "from JSON", "lower": 1}')
    app.config.from_file(str(file), json.load)
    file = Path(folder, "settings.yml")
    file.write_text("PORTS: [1, 2]\n")
    app.config.from_file(str(file), yaml.safe_load)


@app.route("/")
def show():
    names = ("DEBUG", "DATABASE", "NAME", "PORTS", "ignored", "lower")
    return {name: app.config.get(name) for name in names}
