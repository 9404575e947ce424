"""The first program of a book: a view, a dictionary as JSON, the rules."""

from quart import Quart

app = Quart(__name__)


@app.route("/api")
def my_service():
    return {"Hello": "World!"}


@app.get("/rules")
async def rules():
    return sorted(str(rule) for rule in app.url_map.iter_rules())


if __name__ == "__main__":
    print(app.url_map)
    app.run()
