"""quart-auth: cookies, tokens, Basic, templates, error handlers."""

import asyncio
import base64
import warnings

from quart import Quart, render_template_string, websocket
from quart_auth import (
    AuthUser,
    QuartAuth,
    Unauthorized,
    authenticated_client,
    basic_auth_required,
    current_user,
    generate_auth_token,
    login_required,
    login_user,
    logout_user,
    renew_login,
)

warnings.simplefilter("ignore")  # a secure cookie over http

app = Quart(__name__)
app.secret_key = "not so secret"
app.config["QUART_AUTH_BASIC_USERNAME"] = "ada"
app.config["QUART_AUTH_BASIC_PASSWORD"] = "lovelace"
app.config["QUART_AUTH_COOKIE_SECURE"] = False
QuartAuth(app)


@app.get("/login")
async def login():
    login_user(AuthUser("ada"), remember=True)
    return "in"


@app.get("/renew")
@login_required
async def renew():
    renew_login()
    return "renewed"


@app.get("/logout")
def logout():
    logout_user()
    return "out"


@app.get("/secret")
@login_required
async def secret():
    return f"secret of {current_user.auth_id}"


@app.get("/plain")
@login_required
def plain():
    return f"plain secret of {current_user.auth_id}"


@app.get("/basic")
@basic_auth_required()
async def basic():
    return "basic secret"


@app.get("/page")
async def page():
    return await render_template_string("hello {{ current_user.auth_id }}")


@app.websocket("/ws")
@login_required
async def ws():
    await websocket.send(f"socket of {current_user.auth_id}")


other = Quart("other")
other.secret_key = "not so secret"
QuartAuth(other, mode="bearer")


@other.errorhandler(Unauthorized)
async def redirect_to_login(error):
    return {"login": "/login", "code": error.code, "name": error.name}, 401


@other.get("/")
@login_required
async def token_only():
    return current_user.auth_id


async def show(client, path, **options):
    response = await client.get(path, **options)
    body = await response.get_data(as_text=True)
    text = "page" if "<!doctype" in body else body
    print(
        path, response.status, text, response.headers.get("WWW-Authenticate")
    )
    for cookie in response.headers.getlist("Set-Cookie"):
        name, _, rest = cookie.partition("=")
        attributes = sorted(rest.split("; ")[1:])
        print(
            " ", name, [a for a in attributes if not a.startswith("Expires")]
        )


async def main():
    client = app.test_client()
    await show(client, "/secret")
    await show(client, "/page")
    await show(client, "/login")
    for path in ("/secret", "/plain", "/page", "/renew"):
        await show(client, path)
    async with client.websocket("/ws") as connection:
        print(await connection.receive())
    await show(client, "/logout")
    await show(client, "/secret")
    await show(client, "/basic")
    await show(client, "/basic", auth=("ada", "wrong"))
    await show(client, "/basic", auth=("ada", "lovelace"))
    encoded = base64.b64encode(b"ada:lovelace").decode()
    await show(client, "/basic", headers={"Authorization": f"Basic {encoded}"})
    async with authenticated_client(client, "grace"):
        await show(client, "/secret")
    await show(client, "/secret")

    client = other.test_client()
    await show(client, "/")
    token = generate_auth_token(client, "grace")
    await show(client, "/", headers={"Authorization": f"Bearer {token}"})
    await show(client, "/", headers={"Authorization": "Bearer forged"})


asyncio.run(main())
