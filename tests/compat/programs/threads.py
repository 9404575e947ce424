"""Work that blocks, in threads; and JSON by rules of one's own."""

import hashlib
from decimal import Decimal

from quart import Quart, current_app, request
from quart.json.provider import DefaultJSONProvider
from quart.utils import run_sync
from quart.views import MethodView


class Money(DefaultJSONProvider):
    @staticmethod
    def default(value):
        if isinstance(value, Decimal):
            return {"amount": str(value), "currency": "EUR"}
        return DefaultJSONProvider.default(value)


class Shop(Quart):
    json_provider_class = Money


app = Shop(__name__)


def slow_hash(text):
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@app.get("/hash")
async def hashed():
    result = await run_sync(slow_hash)(request.args["text"])
    return {"hash": result}


class Prices(MethodView):
    decorators = ()

    async def get(self, name):
        return {"name": name, "price": Decimal("1.50")}

    def delete(self, name):
        return {"gone": name, "app": current_app.name.endswith("threads")}, 202


app.add_url_rule("/prices/<name>", view_func=Prices.as_view("prices"))
