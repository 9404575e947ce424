"""The doors: to log in, to join, to log out."""

from users import NameTaken, Users

from microquart import (
    Blueprint,
    ResponseReturnValue,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)

SHORTEST, LONGEST = 10, 100  # characters of a password
NAME = 50  # characters

blueprint = Blueprint("accounts", __name__)


def users() -> Users:
    found: Users = current_app.extensions["users"]
    return found


@blueprint.route("/login", methods=["GET", "POST"])
async def login() -> ResponseReturnValue:
    if request.method == "GET":
        return await render_template("form.html", title="Log in")
    name, password = await given()
    if await users().check(name, password):
        return enter(name)
    await flash("No user has this name and this password.")
    return await render_template("form.html", title="Log in", name=name), 403


@blueprint.route("/join", methods=["GET", "POST"])
async def join() -> ResponseReturnValue:
    if request.method == "GET":
        return await render_template("form.html", title="Join")
    name, password = await given()
    if not 0 < len(name) <= NAME:
        await flash(f"A name has 1 to {NAME} characters.")
    elif not SHORTEST <= len(password) <= LONGEST:
        await flash(f"A password has {SHORTEST} to {LONGEST} characters.")
    else:
        try:
            await users().add(name, password)
        except NameTaken:
            await flash("This name has an owner.")
        else:
            return enter(name)
    return await render_template("form.html", title="Join", name=name), 422


@blueprint.post("/logout")
async def logout() -> ResponseReturnValue:
    session.clear()
    return redirect(url_for(".login"), 303)


async def given() -> tuple[str, str]:
    form = await request.form
    return form.get("name", "").strip(), form.get("password", "")


def enter(name: str) -> ResponseReturnValue:
    """Begin a session that has nothing of the one before."""
    place = session.get("next", url_for("home"))
    session.clear()
    session["user"] = name
    return redirect(place, 303)
