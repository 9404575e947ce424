"""Who asks, by HTTP's basic authentication."""

from quart import Quart, g, request

app = Quart(__name__)


@app.before_request
def set_auth():
    auth = request.authorization
    g.user = auth["username"] if auth else None


@app.route("/")
def auth():
    return {"user": g.user, "type": getattr(request.authorization, "type", "")}
