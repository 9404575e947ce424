"""The pages of the blog."""

from posts import Post, Posts

from microquart import (
    Blueprint,
    ResponseReturnValue,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from microquart.utils import run_sync

PAGE = 10  # posts
TITLE = 100  # characters
LAST = 2**63 - 2  # SQLite has no larger numbers
ID = f"<int(max={LAST}):id>"

blueprint = Blueprint("blog", __name__)


def posts() -> Posts:
    found: Posts = current_app.extensions["posts"]
    return found


@blueprint.get("/")
async def index() -> str:
    before = min(request.args.get("before", LAST, type=int), LAST)
    # One more than is shown tells whether there are older ones.
    found = await run_sync(posts().latest)(before, PAGE + 1)
    older = found[PAGE - 1].id if len(found) > PAGE else None
    return await render_template("index.html", posts=found[:PAGE], older=older)


@blueprint.get(f"/{ID}")
async def show(id: int) -> str:
    return await render_template("post.html", post=await there(id))


@blueprint.get("/write")
async def write() -> str:
    return await render_template("write.html", title="", text="", errors=[])


@blueprint.post("/write")
async def add() -> ResponseReturnValue:
    form = await request.form
    title, text = form.get("title", "").strip(), form.get("text", "").strip()
    if errors := problems(title, text):
        # What was written is not lost.
        return await render_template(
            "write.html", title=title, text=text, errors=errors
        ), 422
    id = await run_sync(posts().add)(title, text)
    await flash(f"“{title}” is published.")
    # A reload of the next page sends nothing again.
    return redirect(url_for(".show", id=id), 303)


@blueprint.post(f"/{ID}/remove")
async def remove(id: int) -> ResponseReturnValue:
    post = await there(id)
    await run_sync(posts().remove)(id)
    await flash(f"“{post.title}” is removed.")
    return redirect(url_for(".index"), 303)


async def there(id: int) -> Post:
    post = await run_sync(posts().get)(id)
    if post is None:
        abort(404)
    return post


def problems(title: str, text: str) -> list[str]:
    found = []
    if not 0 < len(title) <= TITLE:
        found.append(f"A title has 1 to {TITLE} characters.")
    if not text:
        found.append("There is no text.")
    return found
