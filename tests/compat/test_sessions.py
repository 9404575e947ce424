"""Sessions and flashed messages."""

from datetime import UTC, datetime, timedelta

import pytest

row = pytest.mark.row
differs = pytest.mark.differs


@pytest.fixture
def app(quart):
    app = quart.Quart(__name__)
    app.secret_key = "secret"

    @app.route("/set/<value>")
    async def set_it(value):
        quart.session["value"] = value
        return "set"

    @app.route("/get")
    async def get_it():
        return quart.session.get("value", "nothing")

    @app.route("/none")
    async def none():
        return "none"

    return app


async def text(client, path, **kwargs):
    return (await (await client.get(path, **kwargs)).get_data()).decode()


@row("session as a dictionary")
async def test_a_session_is_kept_in_a_cookie(quart, app, client):
    assert await text(client, "/get") == "nothing"
    response = await client.get("/set/a")
    [field] = response.headers.getlist("Set-Cookie")
    assert field.startswith("session=")
    assert "HttpOnly" in field
    assert "Path=/" in field
    assert await text(client, "/get") == "a"
    assert await text(app.test_client(), "/get") == "nothing"


@row("session as a dictionary")
async def test_a_session_that_is_not_changed_is_not_sent(client):
    await client.get("/set/a")
    for path in ("/get", "/none"):
        assert "Set-Cookie" not in (await client.get(path)).headers


@row("session as a dictionary")
async def test_an_emptied_session_is_deleted(quart, app, client):
    @app.route("/clear")
    async def clear():
        quart.session.clear()
        return "x"

    await client.get("/set/a")
    field = (await client.get("/clear")).headers["Set-Cookie"]
    assert "session=;" in field
    assert await text(client, "/get") == "nothing"


@row("session as a dictionary")
@pytest.mark.parametrize("value", ["x", "a.b.c", "eyJhIjoxfQ.aaa.bbb"])
async def test_a_forged_session_is_empty(client, value):
    headers = {"Cookie": f"session={value}"}
    assert await text(client, "/get", headers=headers) == "nothing"


@row("session.permanent, session.new")
async def test_a_session_has_a_state(quart, app, client):
    @app.route("/state")
    async def state():
        session = quart.session
        before = [session.new, session.modified, session.permanent]
        session["x"] = 1
        return [*before, session.modified]

    async def state_now():
        return await (await client.get("/state")).get_json()

    assert (await state_now())[1:] == [False, False, True]
    assert (await state_now())[1:] == [False, False, True]


@row("session.permanent, session.new")
async def test_a_session_knows_whether_it_was_looked_at(quart, app):
    async with app.test_request_context("/"):
        quart.session.get("x")
        assert quart.session.accessed in (True, False)


@row("session.permanent, session.new")
async def test_a_permanent_session_expires(quart, app, client):
    @app.route("/permanent")
    async def permanent():
        quart.session.permanent = True
        return str(quart.session.permanent)

    response = await client.get("/permanent")
    assert "Expires=" in response.headers["Set-Cookie"]
    # It is sent again with each response, so that it lives on.
    assert "Expires=" in (await client.get("/none")).headers["Set-Cookie"]


@row("SessionInterface: open_session")
async def test_sessions_can_be_kept_on_the_server(quart, app, client):
    store = {}

    class Session(dict, quart.sessions.SessionMixin):
        pass

    class Sessions(quart.sessions.SessionInterface):
        async def open_session(self, app, request):
            key = request.cookies.get(self.get_cookie_name(app))
            return Session(store.get(key, {}))

        async def save_session(self, app, session, response):
            if session:
                store["id"] = dict(session)
                name = self.get_cookie_name(app)
                response.set_cookie(name, "id")

    app.session_interface = Sessions()
    await client.get("/set/a")
    assert store == {"id": {"value": "a"}}
    assert await text(client, "/get") == "a"


@row("SessionInterface: open_session")
async def test_an_interface_need_not_be_of_the_class(quart, app, client):
    class Sessions:
        async def open_session(self, app, request):
            return quart.sessions.SecureCookieSession({"value": "duck"})

        def is_null_session(self, session):
            return False

        async def save_session(self, app, session, response):
            response.headers["X-Saved"] = session["value"]

    app.session_interface = Sessions()
    response = await client.get("/get")
    assert await response.get_data() == b"duck"
    assert response.headers["X-Saved"] == "duck"


@row("SessionInterface: open_session")
async def test_an_interface_may_have_no_session(quart, app, client):
    class Sessions(quart.sessions.SessionInterface):
        async def open_session(self, app, request):
            return None

        async def save_session(self, app, session, response):
            raise AssertionError

    app.session_interface = Sessions()
    response = await client.get("/set/a")
    assert response.status_code == 500  # the null session cannot be changed
    assert await text(client, "/get") == "nothing"


@row("SessionInterface: open_session")
async def test_an_interface_decides_about_the_cookie(quart, app):
    interface = app.session_interface
    session = quart.sessions.SecureCookieSession()
    assert not interface.is_null_session(session)
    null = await interface.make_null_session(app)
    assert interface.is_null_session(null)
    assert interface.should_set_cookie(app, session) is False
    session["a"] = 1
    assert interface.should_set_cookie(app, session) is True
    assert interface.get_expiration_time(app, session) is None
    session.permanent = True
    wanted = datetime.now(UTC) + timedelta(days=31)
    found = interface.get_expiration_time(app, session)
    assert abs(found - wanted) < timedelta(minutes=1)


COOKIE = [
    ("NAME", "name", "session", "mine"),
    ("DOMAIN", "domain", None, "example.org"),
    ("PATH", "path", "/", "/x"),
    ("HTTPONLY", "httponly", True, False),
    ("PARTITIONED", "partitioned", False, True),
]


@row("SessionInterface cookie options")
@pytest.mark.parametrize(("key", "option", "default", "value"), COOKIE)
def test_the_cookie_is_made_by_the_configuration(
    app, key, option, default, value
):
    ask = getattr(app.session_interface, f"get_cookie_{option}")
    assert ask(app) == default
    app.config[f"SESSION_COOKIE_{key}"] = value
    assert ask(app) == value


@row("SessionInterface cookie options")
def test_the_cookie_may_have_a_site(app):
    app.config["SESSION_COOKIE_SAMESITE"] = "Strict"
    assert app.session_interface.get_cookie_samesite(app) == "Strict"


@row("SessionInterface cookie options")
@differs("the session's cookie is SameSite=Lax unless told: in Quart nothing")
async def test_the_cookie_is_of_its_site(app, client):
    field = (await client.get("/set/a")).headers["Set-Cookie"]
    assert "SameSite=Lax" in field


@row("SecureCookieSessionInterface: salt")
async def test_the_signature_can_be_changed(quart, app, client):
    class Sessions(quart.sessions.SecureCookieSessionInterface):
        salt = "other"
        key_derivation = "hmac"
        session_class = type("Mine", (quart.sessions.SecureCookieSession,), {})

    other = Sessions()
    usual = app.session_interface
    signed = other.get_signing_serializer(app).dumps({"value": "a"})
    headers = {"Cookie": f"session={signed}"}
    assert await text(client, "/get", headers=headers) == "nothing"
    app.session_interface = other
    assert await text(client, "/get", headers=headers) == "a"
    assert usual.digest_method is other.digest_method
    assert other.serializer is usual.serializer
    assert other.pickle_based is False
    assert other.null_session_class is quart.sessions.NullSession


@row("cookie format of Flask and Quart")
@differs("signed by SHA-256: Quart's SHA-1 is read, and written no more")
async def test_a_cookie_of_quart_is_read(app, client):
    from quart import Quart

    other = Quart(__name__)
    other.secret_key = app.secret_key
    serializer = other.session_interface.get_signing_serializer(other)
    signed = serializer.dumps({"value": "a"})
    headers = {"Cookie": f"session={signed}"}
    assert await text(client, "/get", headers=headers) == "a"


@row("SECRET_KEY_FALLBACKS")
async def test_an_old_key_is_read_but_not_written(app, client):
    await client.get("/set/a")
    app.secret_key = "new"
    assert await text(client, "/get") == "nothing"
    app.config["SECRET_KEY_FALLBACKS"] = ["secret"]
    assert await text(client, "/get") == "a"


@row("Vary: Cookie")
@differs("who reads the session varies by its cookie: Quart says so too late")
async def test_a_response_made_of_the_session_varies(client):
    assert "Cookie" in (await client.get("/get")).headers.get("Vary", "")
    assert "Vary" not in (await client.get("/none")).headers


@row("Vary: Cookie")
async def test_a_response_that_sets_the_session_varies(client):
    assert "Cookie" in (await client.get("/set/a")).headers["Vary"]


@row("no secret key: RuntimeError")
async def test_without_a_key_a_session_cannot_be_changed(quart, app):
    app.secret_key = None
    async with app.test_request_context("/"):
        assert quart.session.get("a") is None
        with pytest.raises(RuntimeError, match="secret"):
            quart.session["a"] = 1


@row("await flash(message", "get_flashed_messages(")
async def test_messages_are_flashed_into_the_next_page(quart, app, client):
    @app.route("/flash")
    async def flash():
        await quart.flash("one")
        await quart.flash("two", "error")
        return "x"

    @app.route("/messages")
    async def messages():
        return [
            quart.get_flashed_messages(),
            quart.get_flashed_messages(with_categories=True),
            quart.get_flashed_messages(category_filter=["error"]),
        ]

    await client.get("/flash")
    found = await (await client.get("/messages")).get_json()
    assert found == [
        ["one", "two"],
        [["message", "one"], ["error", "two"]],
        ["two"],
    ]
    found = await (await client.get("/messages")).get_json()
    assert found == [[], [], []]


@row("session as a dictionary")
async def test_an_old_session_is_empty(app, client):
    await client.get("/set/a")
    app.config["PERMANENT_SESSION_LIFETIME"] = timedelta(seconds=-1)
    assert await text(client, "/get") == "nothing"
