"""The keys of the configuration: their defaults and what they do."""

from datetime import timedelta

import pytest

row = pytest.mark.row
differs = pytest.mark.differs

DEFAULTS = {
    "APPLICATION_ROOT": "/",
    "BACKGROUND_TASK_SHUTDOWN_TIMEOUT": 5,
    "BODY_TIMEOUT": 60,
    "DEBUG": None,
    "ENV": None,
    "EXPLAIN_TEMPLATE_LOADING": False,
    "MAX_CONTENT_LENGTH": 16 * 1024 * 1024,
    "MAX_COOKIE_SIZE": 4093,
    "MAX_FORM_MEMORY_SIZE": 500_000,
    "MAX_FORM_PARTS": 1_000,
    "PERMANENT_SESSION_LIFETIME": timedelta(days=31),
    "PREFERRED_URL_SCHEME": "http",
    "PREFER_SECURE_URLS": False,
    "PRESERVE_CONTEXT_ON_EXCEPTION": None,
    "PROPAGATE_EXCEPTIONS": None,
    "PROVIDE_AUTOMATIC_OPTIONS": True,
    "RESPONSE_TIMEOUT": 60,
    "SECRET_KEY": None,
    "SECRET_KEY_FALLBACKS": None,
    "SEND_FILE_MAX_AGE_DEFAULT": timedelta(hours=12),
    "SERVER_NAME": None,
    "SESSION_COOKIE_DOMAIN": None,
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_NAME": "session",
    "SESSION_COOKIE_PARTITIONED": False,
    "SESSION_COOKIE_PATH": None,
    "SESSION_REFRESH_EACH_REQUEST": True,
    "TEMPLATES_AUTO_RELOAD": None,
    "TESTING": False,
    "TRAP_BAD_REQUEST_ERRORS": None,
    "TRAP_HTTP_EXCEPTIONS": False,
    "TRUSTED_HOSTS": None,
    "USE_X_SENDFILE": False,
}


@row(
    "DEBUG, TESTING, ENV",
    "SECRET_KEY",
    "SERVER_NAME",
    "MAX_CONTENT_LENGTH",
    "BODY_TIMEOUT, RESPONSE_TIMEOUT",
)
@pytest.mark.parametrize("key", DEFAULTS)
def test_a_key_has_its_default(app, key):
    found, wanted = app.config[key], DEFAULTS[key]
    assert found == wanted or not (found or wanted)


@row("DEBUG, TESTING, ENV")
def test_each_key_of_quart_is_a_key_of_ours(app):
    from quart import Quart

    assert set(Quart.default_config) <= set(app.config)


@row("SESSION_COOKIE_NAME")
@pytest.mark.parametrize("scheme", ["http", "https"])
@differs("the session's cookie is Secure over https: in Quart only when told")
async def test_the_cookie_of_a_secure_connection_is_secure(
    quart, app, client, scheme
):
    app.secret_key = "k"

    @app.route("/")
    async def view():
        quart.session["a"] = 1
        return "x"

    field = (await client.get("/", scheme=scheme)).headers["Set-Cookie"]
    assert ("Secure" in field) is (scheme == "https")


@row("DEBUG, TESTING, ENV")
def test_the_environment_sets_debug(quart, monkeypatch):
    monkeypatch.setenv("QUART_DEBUG", "1")
    assert quart.helpers.get_debug_flag() is True
    monkeypatch.setenv("QUART_DEBUG", "0")
    assert quart.helpers.get_debug_flag() is False


async def session_cookie(quart, **config):
    """Return the Set-Cookie of an application with this configuration."""
    app = quart.Quart(__name__)
    app.config.update(SECRET_KEY="k", **config)

    @app.route("/x/")
    async def view():
        quart.session["a"] = 1
        return "x"

    response = await app.test_client().get("/x/")
    return response.headers["Set-Cookie"]


@row("SESSION_COOKIE_NAME", "SECRET_KEY")
@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("NAME", "mine", "mine="),
        ("DOMAIN", "example.org", "Domain=example.org"),
        ("PATH", "/x/", "Path=/x/"),
        ("HTTPONLY", True, "HttpOnly"),
        ("SECURE", True, "Secure"),
        ("SAMESITE", "Strict", "SameSite=Strict"),
    ],
)
async def test_a_key_is_seen_in_the_cookie(quart, key, value, words):
    config = {f"SESSION_COOKIE_{key}": value}
    assert words in await session_cookie(quart, **config)


@row("SESSION_COOKIE_NAME")
async def test_a_cookie_can_be_partitioned(quart):
    field = await session_cookie(
        quart,
        SESSION_COOKIE_PARTITIONED=True,
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_SAMESITE="None",
    )
    assert "Partitioned" in field


@row("SESSION_REFRESH_EACH_REQUEST")
@pytest.mark.parametrize("refresh", [True, False])
async def test_a_permanent_session_is_refreshed_or_not(quart, app, refresh):
    app.config.update(SECRET_KEY="k", SESSION_REFRESH_EACH_REQUEST=refresh)
    app.config["PERMANENT_SESSION_LIFETIME"] = timedelta(hours=1)

    @app.route("/")
    async def view():
        quart.session.permanent = True
        quart.session["a"] = 1
        return "x"

    @app.route("/again")
    async def again():
        return str(quart.session["a"])

    client = app.test_client()
    await client.get("/")
    response = await client.get("/again")
    assert ("Set-Cookie" in response.headers) is refresh


@row("PROVIDE_AUTOMATIC_OPTIONS")
@pytest.mark.parametrize(("value", "status"), [(True, 200), (False, 405)])
async def test_options_are_answered_or_not(quart, value, status):
    app = quart.Quart(__name__)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = value
    app.add_url_rule("/", "view", lambda: "x")
    assert (await app.test_client().options("/")).status_code == status


@row("PRESERVE_CONTEXT_ON_EXCEPTION")
async def test_a_context_can_be_preserved_for_a_debugger(quart, app):
    log = []
    app.config["PRESERVE_CONTEXT_ON_EXCEPTION"] = True

    @app.teardown_request
    async def teardown(exc):
        log.append(exc)

    context = app.test_request_context("/")
    await context.push()
    await context.auto_pop(ValueError())
    assert log == []
    await context.pop(None)
    assert log == [None]
