"""Articles, found by regular expressions."""

from regex_router import RegexMap, RegexRule

from microquart import Blueprint, Quart, url_for


class App(Quart):
    url_map_class = RegexMap
    url_rule_class = RegexRule


app = App(__name__, static_folder=None)
api = Blueprint("api", __name__, url_prefix="/api")


@app.get(r"/(?P<year>\d{4})/(?P<slug>[\w ]+)")
async def article(year, slug):
    return {"year": year, "slug": slug}


@app.get("/")
async def index():
    return url_for("article", year=2026, slug="a café", page=2)


@app.get("/wrong")
async def wrong():
    return url_for("article", year="26", slug="x")


@api.post(r"/(?P<name>[a-z]+)")
async def add(name):
    return f"added {name}"


@app.websocket("/live")
async def live():
    pass


app.register_blueprint(api)
