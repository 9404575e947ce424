"""Something around the application that reads and changes headers."""

from quart import Quart, request

app = Quart(__name__)


class ForwardedFor:
    def __init__(self, app, real_ip):
        self.app = app
        self.real_ip = real_ip

    async def __call__(self, scope, receive, send):
        if "headers" in scope and not any(
            name == b"x-forwarded-for" for name, _ in scope["headers"]
        ):
            value = f"{self.real_ip}, 127.0.0.1".encode()
            headers = [*scope["headers"], (b"x-forwarded-for", value)]
            scope = {**scope, "headers": headers}
        return await self.app(scope, receive, send)


app.asgi_app = ForwardedFor(app.asgi_app, "10.1.2.3")


@app.route("/api")
def my_service():
    return {"ip": request.access_route[0], "all": list(request.access_route)}
