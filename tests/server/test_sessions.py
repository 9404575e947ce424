"""The session's cookie on the wire: its attributes, and what it is worth."""

import flask
import pytest
from flask.sessions import SecureCookieSessionInterface as Flasks
from itsdangerous import URLSafeTimedSerializer

from microquart import Quart, session
from tests.server.asking import Answer, ask, both
from tests.server.running import Running, running

KEY = "first key"


def site(key: str = KEY, **config: object) -> Quart:
    app = Quart(__name__)
    app.config.update(SECRET_KEY=key, **config)

    @app.get("/none")
    async def none() -> str:
        return "hello"

    @app.get("/read")
    async def read() -> str:
        return str(session.get("user"))

    @app.get("/write")
    async def write() -> str:
        session["user"] = "ann"
        return "hello"

    @app.get("/clear")
    async def clear() -> str:
        session.clear()
        return "hello"

    @app.get("/vary")
    async def vary() -> tuple[str, dict[str, str]]:
        return str(session.get("user")), {"Vary": "Accept"}

    return app


def attributes(answer: Answer) -> set[str]:
    return set(answer["set-cookie"].split("; ")[1:])


async def test_the_cookie_is_for_this_site_alone(loop_name, secured):
    """Not for scripts, not for other sites, over https for nothing else."""
    async with running(site(), **secured) as server:
        answer = await ask(server, "1.1", "/write")
    expected = {"HttpOnly", "Path=/", "SameSite=Lax"}
    assert attributes(answer) == expected | ({"Secure"} if secured else set())


@both
async def test_behind_a_proxy_that_speaks_https_the_cookie_is_secure(
    loop_name, version
):
    field = ("x-forwarded-proto", "https")
    trusted = {"proxy_headers": True, "forwarded_allow_ips": ("127.0.0.1",)}
    async with running(site(), **trusted) as server:
        assert "Secure" in attributes(
            await ask(server, version, "/write", field)
        )
    async with running(site()) as server:
        assert "Secure" not in attributes(
            await ask(server, version, "/write", field)
        )


@both
async def test_caches_are_told_whenever_the_session_was_looked_at(
    loop_name, version
):
    async with running(site()) as server:
        for path, vary in {
            "/none": [],
            "/read": ["Cookie"],
            "/write": ["Cookie"],
            "/clear": ["Cookie"],
            "/vary": ["Accept, Cookie"],
        }.items():
            answer = await ask(server, version, path)
            assert answer.all("vary") == vary, path
            cookies = answer.all("set-cookie")
            assert len(cookies) == (path in ("/write", "/clear")), path


async def cookie_of(server: Running) -> str:
    answer = await ask(server, "1.1", "/write")
    return answer["set-cookie"].partition("=")[2].partition(";")[0]


async def user(server: Running, version: str, cookie: str) -> str:
    """Return who the server takes the owner of a cookie for."""
    field = ("cookie", f"session={cookie}")
    answer = await ask(server, version, "/read", field)
    assert answer.status == 200
    return answer.text


def signed(content: object, key: str, salt: str) -> str:
    signer = URLSafeTimedSerializer(
        key, salt=salt, signer_kwargs={"key_derivation": "hmac"}
    )
    text = signer.dumps(content)
    assert isinstance(text, str)
    return text


@pytest.mark.slow
@both
async def test_a_cookie_that_is_not_ours_is_an_empty_session(
    loop_name, version
):
    async with running(site()) as server:
        cookie = await cookie_of(server)
        assert await user(server, version, cookie) == "ann"
        payload, time, signature = cookie.rsplit(".", 2)
        forged = signed({"user": "eve"}, "no key", "cookie-session")
        for bad in (
            forged,
            signed({"user": "eve"}, KEY, "another salt"),
            f"{forged.rsplit('.', 2)[0]}.{time}.{signature}",
            f"{payload}.{time}.{signature[::-1]}",
            f"{payload}.{time}.",
            f"{payload}.{time}",
            payload,
            cookie[:-1],
            "." * 3000,
            "a" * 3000,
            "%00",
            "",
        ):
            assert await user(server, version, bad) == "None", bad


async def test_after_a_change_of_keys_former_ones_read_and_sign_nothing(
    loop_name,
):
    async with running(site()) as server:
        old = await cookie_of(server)
    async with running(site("second key")) as server:
        assert await user(server, "1.1", old) == "None"
    rotated = site("second key", SECRET_KEY_FALLBACKS=[KEY])
    async with running(rotated) as server:
        assert await user(server, "1.1", old) == "ann"
        new = await cookie_of(server)
    async with running(site()) as server:
        assert await user(server, "1.1", new) == "None"


async def test_a_session_has_an_end(loop_name):
    async with running(site()) as server:
        cookie = await cookie_of(server)
    async with running(site(PERMANENT_SESSION_LIFETIME=-1)) as server:
        assert await user(server, "1.1", cookie) == "None"


async def test_a_session_that_flask_signed_with_sha1_is_read(loop_name):
    theirs = flask.Flask(__name__)
    theirs.secret_key = KEY
    signer = Flasks().get_signing_serializer(theirs)
    assert signer is not None
    cookie = signer.dumps({"user": "bob"})
    async with running(site()) as server:
        assert await user(server, "1.1", cookie) == "bob"


async def test_a_session_that_is_emptied_takes_its_cookie_back(loop_name):
    async with running(site()) as server:
        cookie = await cookie_of(server)
        field = ("cookie", f"session={cookie}")
        answer = await ask(server, "1.1", "/clear", field)
    assert answer["set-cookie"].startswith("session=; ")
    assert {"Max-Age=0", "HttpOnly", "SameSite=Lax"} <= attributes(answer)


@pytest.mark.parametrize("key", [None, ""])
async def test_without_a_key_nothing_is_signed(loop_name, key):
    app = site()
    app.secret_key = key
    async with running(app) as server:
        assert (await ask(server, "1.1", "/read")).text == "None"
        answer = await ask(server, "1.1", "/write")
    assert answer.status == 500
    assert answer.all("set-cookie") == []
