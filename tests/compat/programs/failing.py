"""One answer for what fails, and one for each code."""

from quart import Quart, abort, jsonify
from werkzeug.exceptions import HTTPException, default_exceptions

app = Quart(__name__)


def jsonified(code=500):
    async def handler(error):
        if isinstance(error, HTTPException):
            reply = {"description": error.description, "code": error.code}
        else:
            reply = {"description": "error", "code": code}
        return jsonify(reply), reply["code"]

    return handler


for code in default_exceptions:
    if code != 418:
        app.register_error_handler(code, jsonified(code))


@app.errorhandler(418)
def teapot(error):
    return {"error": str(error)}, 418


@app.route("/api")
def my_service():
    raise TypeError("Some Exception")


@app.route("/abort/<int:code>")
def aborting(code):
    abort(code)


@app.route("/fails")
def fails():
    abort(404, "nobody of this name")
