"""quart-rate-limiter: limits of a route, a blueprint and an application."""

import asyncio
from datetime import timedelta

from quart import Blueprint, Quart, request
from quart_rate_limiter import (
    RateLimit,
    RateLimiter,
    RateLimitExceeded,
    limit_blueprint,
    rate_exempt,
    rate_limit,
)

MINUTE = timedelta(minutes=1)


def make():
    app = Quart(__name__)
    RateLimiter(app, default_limits=[RateLimit(4, MINUTE)])

    @app.get("/default")
    async def default():
        return "default"

    @app.get("/limited")
    @rate_limit(1, timedelta(hours=1))
    async def limited():
        return "limited"

    async def by_name():
        return request.args["name"]

    @app.get("/named")
    @rate_limit(limits=[RateLimit(1, MINUTE, by_name)])
    def named():
        return "named"

    @app.get("/exempt")
    @rate_exempt
    async def exempt():
        return "exempt"

    part = Blueprint("part", __name__, url_prefix="/part")
    limit_blueprint(part, 2, MINUTE)

    @part.get("/")
    async def in_part():
        return "part"

    app.register_blueprint(part)
    return app


async def show(client, path, times):
    for _ in range(times):
        response = await client.get(path)
        text = await response.get_data(as_text=True)
        after = int(response.headers.get("Retry-After", 0))
        print(
            path,
            response.status,
            "page" if "<!doctype" in text else text,
            response.headers.get("RateLimit-Limit"),
            response.headers.get("RateLimit-Remaining"),
            "in half a minute or more" if after > 28 else after,
        )


async def main():
    app = make()
    client = app.test_client()
    for path, times in [
        ("/default", 5),
        ("/limited", 2),
        ("/named?name=a", 2),
        ("/named?name=b", 1),
        ("/exempt", 5),
        ("/part/", 3),
        ("/nowhere", 1),
    ]:
        await show(client, path, times)

    app = make()

    @app.errorhandler(RateLimitExceeded)
    async def slow_down(error):
        return {"slow": True, "known": error.retry_after > 0}, 429

    @app.errorhandler(429)
    async def by_code(error):
        return {"code": error.code}, 429

    client = app.test_client()
    await client.get("/limited")
    response = await client.get("/limited")
    print(response.status, await response.get_data(as_text=True))


asyncio.run(main())
