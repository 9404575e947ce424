"""Who is logged in stands in a signed cookie; one hook guards every page."""

import secrets
from collections.abc import AsyncGenerator
from pathlib import Path

import accounts
from users import Users

from microquart import (
    Quart,
    ResponseReturnValue,
    abort,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)

OPEN = {"accounts.login", "accounts.join", "static"}  # what anyone may see

app = Quart(__name__)
app.config.update(
    DATABASE=Path(app.instance_path) / "users.db",
    SECRET_KEY=secrets.token_hex(),  # QUART_SECRET_KEY: one that lasts
    SESSION_COOKIE_SAMESITE="Lax",
)
app.config.from_prefixed_env()
app.register_blueprint(accounts.blueprint)


@app.while_serving
async def users() -> AsyncGenerator[None, None]:
    app.extensions["users"] = users = Users(Path(app.config["DATABASE"]))
    await users.create()
    yield


@app.before_request
async def refuse_foreign_forms() -> None:
    """Take no form that another site's page has sent: browsers tell."""
    site = request.headers.get("sec-fetch-site", "none")
    if request.method == "POST" and site not in ("same-origin", "none"):
        abort(403)


@app.before_request
async def guard() -> ResponseReturnValue | None:
    """Let in who is logged in: a new page is closed unless it is in OPEN."""
    g.user = session.get("user")
    if g.user is not None or request.endpoint in OPEN:
        return None
    # A page, and not what a browser asks for by itself, as /favicon.ico.
    if request.method == "GET" and request.endpoint is not None:
        # In the signed cookie nobody else can say where to go.
        session["next"] = request.full_path.rstrip("?")
    return redirect(url_for("accounts.login"), 303)


@app.get("/")
async def home() -> str:
    return await render_template("home.html")


@app.get("/secret")
async def secret() -> str:
    return await render_template("secret.html")
