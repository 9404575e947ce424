"""URLs built outside of any request, as one tries them in a shell."""

from quart import Quart, url_for

app = Quart(__name__)


@app.route("/dogs/<name>")
def dog(name):
    return f"the dog {name}"


async def tried():
    async with app.test_request_context("/", method="GET"):
        return [
            url_for("dog", name="Rex"),
            url_for("dog", name="a b", size=3),
            url_for("dog", name="Rex", _external=True),
        ]


@app.get("/tried")
async def show():
    return await tried()
