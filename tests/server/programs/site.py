"""What is attacked, by the framework: it reads forms, files, JSON, URLs."""

import gc
from pathlib import Path

from microquart import Quart, request

folder = Path(__file__).parent
app = Quart(__name__, static_folder=folder, static_url_path="/static")


@app.get("/")
async def hello() -> str:
    return "hello"


@app.get("/collect")
async def collect() -> str:
    # Cycles of what has ended wait for this, which is no leak.
    return str(gc.collect())


@app.post("/form")
async def form() -> str:
    return str(len(await request.form) + len(await request.files))


@app.post("/json")
async def json() -> str:
    return str(len(str(await request.json)))


@app.post("/chunks")
async def chunks() -> str:
    return str(sum([len(chunk) async for chunk in request.body]))


@app.get("/fields")
async def fields() -> str:
    """Look at all that is parsed only then."""
    seen = [
        request.args,
        request.cookies,
        request.accept_mimetypes.best,
        request.accept_languages.best,
        request.if_none_match,
        request.cache_control,
        request.authorization,
        request.mimetype_params,
    ]
    return str(len(seen))


@app.get("/a/<path:one>/b/<path:two>/c/<path:three>/d")
async def paths(one: str, two: str, three: str) -> str:
    return "found"


@app.get("/int/<int:number>")
async def number(number: int) -> str:
    return str(number)


@app.get("/float/<float:number>")
async def real(number: float) -> str:
    return str(number)
