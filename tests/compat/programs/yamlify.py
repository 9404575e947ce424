"""A body, a status and headers: YAML in place of JSON."""

import yaml
from quart import Quart

app = Quart(__name__)


def yamlify(data, status=200, headers=None):
    more = {"Content-Type": "application/x-yaml", **(headers or {})}
    return yaml.safe_dump(data), status, more


@app.route("/api")
async def my_service():
    return yamlify(["Hello", "YAML", "World!"], headers={"X-Kind": "list"})
