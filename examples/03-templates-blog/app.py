"""A blog: pages from templates, posts in SQLite, forms that are safe."""

import secrets
from collections.abc import AsyncGenerator
from pathlib import Path

import blog
from posts import Posts

from microquart import Quart, abort, request, session
from microquart.utils import run_sync

app = Quart(__name__)
app.config.update(
    DATABASE=Path(app.instance_path) / "blog.db",
    # Sessions of another process, or of this one started anew, are void: set
    # QUART_SECRET_KEY where that matters.
    SECRET_KEY=secrets.token_hex(),
    SESSION_COOKIE_SAMESITE="Lax",
)
app.config.from_prefixed_env()
app.register_blueprint(blog.blueprint)


@app.while_serving
async def database() -> AsyncGenerator[None, None]:
    posts = Posts(Path(app.config["DATABASE"]))
    await run_sync(posts.create)()
    app.extensions["posts"] = posts
    yield


# Another site can have a visitor's browser send a form here, cookies and all.
# It cannot read our pages: so a form has to bring what only they contain.


@app.before_request
async def check_token() -> None:
    if request.method == "POST":
        sent = (await request.form).get("token", "")
        own = session.get("token", " ")
        if not secrets.compare_digest(sent.encode(), own.encode()):
            abort(400, "The form is too old: go back, reload it, try again.")


@app.template_global()
def form_token() -> str:
    """Return what a form of this visitor brings back."""
    token: str = session.setdefault("token", secrets.token_hex())
    return token
