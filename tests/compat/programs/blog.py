"""A blog: posts in SQLite, templates, a form, flashed messages, a login."""

import sqlite3
from functools import wraps

from quart import (
    Blueprint,
    Quart,
    abort,
    flash,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)

SCHEMA = "CREATE TABLE posts (id INTEGER PRIMARY KEY, title TEXT, text TEXT)"

blog = Blueprint("blog", __name__, template_folder="templates")


def db():
    if not hasattr(g, "posts"):
        g.posts = sqlite3.connect(
            "file:blog?mode=memory&cache=shared", uri=True
        )
        g.posts.row_factory = sqlite3.Row
    return g.posts


def logged_in(view):
    @wraps(view)
    async def wrapped(*args, **kwargs):
        if "user" not in session:
            await flash("Log in first", "warning")
            return redirect(url_for("blog.login", next=request.path))
        return await view(*args, **kwargs)

    return wrapped


@blog.context_processor
def menu():
    return {"user": session.get("user")}


@blog.route("/")
async def posts():
    rows = db().execute("SELECT * FROM posts ORDER BY id DESC").fetchall()
    return await render_template("posts.html", posts=rows)


@blog.route("/create/", methods=["GET", "POST"])
@logged_in
async def create():
    if request.method == "POST":
        form = await request.form
        if not form["title"]:
            abort(400)
        db().execute(
            "INSERT INTO posts (title, text) VALUES (?, ?)",
            [form["title"], form["text"]],
        )
        db().commit()
        await flash("Published")
        return redirect(url_for(".posts"))
    return await render_template("create.html")


@blog.route("/login", methods=["GET", "POST"])
async def login():
    if request.method == "GET":
        return await render_template("login.html")
    form = await request.form
    if form["password"] != "secret":
        abort(401)
    session["user"] = form["name"]
    return redirect(request.args.get("next") or url_for("blog.posts"))


@blog.route("/logout")
async def logout():
    session.pop("user", None)
    return redirect(url_for("blog.posts"), 303)


def create_app():
    app = Quart(__name__)
    app.secret_key = "development"
    app.register_blueprint(blog)

    @app.teardown_appcontext
    async def close(error):
        if hasattr(g, "posts"):
            g.posts.close()

    @app.before_serving
    async def schema():
        # An open connection keeps a database in memory.
        app.keeper = sqlite3.connect(
            "file:blog?mode=memory&cache=shared", uri=True
        )
        app.keeper.execute("DROP TABLE IF EXISTS posts")
        app.keeper.execute(SCHEMA)
        app.keeper.commit()

    @app.after_serving
    async def forget():
        app.keeper.close()

    return app


app = create_app()
