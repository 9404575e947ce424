"""The session: what a cookie may say, and when one is set."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any
from uuid import UUID

import pytest
from itsdangerous import URLSafeTimedSerializer
from markupsafe import Markup

from microquart.config import DEFAULT_CONFIG
from microquart.sessions import (
    NullSession,
    SecureCookieSession,
    SecureCookieSessionInterface,
    SessionInterface,
    SessionMixin,
    session_json_serializer,
    sha1,
)
from microquart.wrappers.response import Response

FIRST, SECOND, THIRD = "first key", "second key", b"third key"

# Made by Flask 3.1, which signs with SHA-1, with the key "key".
OF_FLASK = (
    ".eJyrViotTi1SslJKzMtLVNJRylOyqlZSKFGyijbUMYqt1VFKAgsASSVHR1tbJaBIKVgE"
    "SCoZ4AeGINW5YNVAUskmyQ4kkAIWAJJKbkWZOgoGRgpeiXkKRgZGZgoGBlZgpODuGwJSCnKH"
    "YS0A3Pkm1w.awV7eA.dlHNIpbOjZFo5o5vfkP7HS7P0nY"
)


class Application:
    def __init__(self, key: str | bytes | None = FIRST, **config: Any) -> None:
        self.config = {**DEFAULT_CONFIG, **config}
        self.secret_key = key
        self.permanent_session_lifetime = timedelta(days=31)
        self.logger = logging.getLogger("application")


class Request:
    def __init__(self, cookie: str | None = None, tls: bool = False) -> None:
        self.cookies = {} if cookie is None else {"session": cookie}
        self.is_secure = tls


@pytest.fixture
def interface() -> SecureCookieSessionInterface:
    return SecureCookieSessionInterface()


def cookie_of(response: Response) -> SimpleCookie:
    return SimpleCookie("; ".join(response.headers.getlist("set-cookie")))


def signed(
    content: object,
    app: Application | None = None,
    interface: SecureCookieSessionInterface | None = None,
) -> str:
    interface = interface or SecureCookieSessionInterface()
    serializer = interface.get_signing_serializer(app or Application())
    assert serializer is not None
    return serializer.dumps(content)


def read(cookie: str, app: Application | None = None) -> dict[str, Any]:
    interface = SecureCookieSessionInterface()
    return dict(interface.load(app or Application(), Request(cookie)))


# -- as a dictionary --

CHANGES: list[Callable[[SecureCookieSession], object]] = [
    lambda s: s.__setitem__("a", 2),
    lambda s: s.__delitem__("a"),
    lambda s: s.pop("a"),
    lambda s: s.popitem(),
    lambda s: s.clear(),
    lambda s: s.update(b=2),
    lambda s: s.setdefault("b", 2),
    lambda s: s.__ior__({"b": 2}),
    lambda s: setattr(s, "permanent", True),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_noticed(
    change: Callable[[SecureCookieSession], object],
) -> None:
    session = SecureCookieSession({"a": 1})
    assert not session.modified
    change(session)
    assert session.modified


def test_reading_is_no_change() -> None:
    session = SecureCookieSession({"a": 1})
    assert (session["a"], session.get("b"), "a" in session) == (1, None, True)
    assert not session.permanent
    assert not session.modified


def test_permanent_is_kept_in_the_session() -> None:
    session = SecureCookieSession()
    session.permanent = True
    assert dict(session) == {"_permanent": True}


@pytest.mark.parametrize("change", CHANGES)
def test_a_null_session_says_what_is_missing(
    change: Callable[[SecureCookieSession], object],
) -> None:
    with pytest.raises(RuntimeError, match=r"set app\.secret_key"):
        change(NullSession())


def test_a_null_session_can_be_read() -> None:
    session = NullSession()
    assert (session.get("a"), len(session), session.permanent) == (
        None,
        0,
        False,
    )


def test_a_dictionary_becomes_a_session_by_the_mixin() -> None:
    class Session(dict[str, Any], SessionMixin):
        pass

    session = Session()
    session.permanent = True
    assert (session.permanent, session.modified, session.new) == (
        True,
        True,
        False,
    )


# -- what a cookie may say --


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"a": 1, "text": "ü", "none": None, "list": [1, 2]},
        {
            "tuple": (1, (2, 3)),
            "bytes": b"\x00\xff",
            "uuid": UUID(int=5),
            "markup": Markup("<b>"),
            "date": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        },
    ],
)
def test_a_session_comes_back_as_it_was(content: dict[str, Any]) -> None:
    assert read(signed(content)) == content


def test_a_cookie_of_flask_and_quart_is_read() -> None:
    app = Application("key")
    app.permanent_session_lifetime = timedelta(days=36_500)
    assert read(OF_FLASK, app) == {
        "user": "anna",
        "n": (1, 2),
        "b": b"\x00",
        "u": UUID(int=1),
        "m": Markup("<b>"),
        "d": datetime(2026, 1, 2, tzinfo=UTC),
        " t": 1,
    }


def test_a_new_cookie_is_not_signed_with_sha1() -> None:
    signature = signed({"a": 1}).rpartition(".")[2]
    assert len(signature) == 43  # base64 of 32 bytes


def tampered(cookie: str) -> str:
    content, _, rest = cookie.partition(".")
    return f"{content[:-1]}A.{rest}"


BAD = {
    "empty": "",
    "rubbish": "rubbish",
    "not ASCII": "ü.ü.ü",
    "content changed": tampered(signed({"a": 1})),
    "no signature": signed({"a": 1}).rpartition(".")[0],
    "other key": signed({"a": 1}, Application("other")),
    "not a dictionary": signed([1, 2]),
    "of another salt": str(
        URLSafeTimedSerializer(
            FIRST, salt="other", serializer=session_json_serializer
        ).dumps({"a": 1})
    ),
}


@pytest.mark.parametrize("cookie", BAD.values(), ids=BAD)
def test_a_bad_cookie_is_an_empty_session(
    interface: SecureCookieSessionInterface, cookie: str
) -> None:
    session = interface.load(Application(), Request(cookie))
    assert (dict(session), session.new, session.modified) == ({}, True, False)


def test_a_cookie_older_than_the_lifetime_is_an_empty_session() -> None:
    app = Application()
    app.permanent_session_lifetime = timedelta(seconds=-1)
    assert read(signed({"a": 1}), app) == {}


@pytest.mark.parametrize(
    ("signer", "key", "fallbacks", "readable"),
    [
        (FIRST, FIRST, None, True),
        (FIRST, SECOND, None, False),
        (FIRST, SECOND, [FIRST], True),
        (FIRST, THIRD, [SECOND, FIRST], True),
        (THIRD, FIRST, [THIRD], True),
        (SECOND, FIRST, [THIRD], False),
    ],
)
def test_former_keys_still_read(
    signer: str | bytes,
    key: str | bytes,
    fallbacks: list[str | bytes] | None,
    readable: bool,
) -> None:
    cookie = signed({"a": 1}, Application(signer))
    app = Application(key, SECRET_KEY_FALLBACKS=fallbacks)
    assert read(cookie, app) == ({"a": 1} if readable else {})


def test_former_keys_never_sign() -> None:
    app = Application(SECOND, SECRET_KEY_FALLBACKS=[FIRST])
    cookie = signed({"a": 1}, app)
    assert read(cookie, Application(SECOND)) == {"a": 1}
    assert read(cookie, Application(FIRST)) == {}


def test_a_former_key_reads_a_sha1_cookie_too() -> None:
    class Old(SecureCookieSessionInterface):
        digest_method = staticmethod(sha1)

    cookie = signed({"a": 1}, Application(FIRST), Old())
    app = Application(SECOND, SECRET_KEY_FALLBACKS=[FIRST])
    assert read(cookie, app) == {"a": 1}


def test_a_changed_key_is_noticed(
    interface: SecureCookieSessionInterface,
) -> None:
    app = Application(FIRST)
    cookie = signed({"a": 1}, app, interface)
    app.secret_key = SECOND
    assert dict(interface.load(app, Request(cookie))) == {}
    app.config["SECRET_KEY_FALLBACKS"] = [FIRST]
    assert dict(interface.load(app, Request(cookie))) == {"a": 1}


# -- opening --


async def test_opening_gives_what_loading_gives(
    interface: SecureCookieSessionInterface,
) -> None:
    request = Request(signed({"a": 1}))
    session = await interface.open_session(Application(), request)
    assert session is not None
    assert dict(session) == {"a": 1}


async def test_without_a_key_there_is_a_null_session(
    interface: SecureCookieSessionInterface,
) -> None:
    app = Application(None)
    assert await interface.open_session(app, Request()) is None
    assert interface.is_null_session(await interface.make_null_session(app))
    assert interface.is_null_session(interface.load(app, Request()))


def test_a_session_that_came_with_the_request_is_not_new(
    interface: SecureCookieSessionInterface,
) -> None:
    assert interface.load(Application(), Request()).new
    request = Request(signed({"a": 1}))
    assert not interface.load(Application(), request).new


def test_only_what_nobody_replaced_may_be_loaded_late() -> None:
    class Opens(SecureCookieSessionInterface):
        async def open_session(self, app: Any, request: Any) -> None:
            return None

    class Names(SecureCookieSessionInterface):
        def get_cookie_name(self, app: Any) -> str:
            return "other"

    assert SecureCookieSessionInterface.lazy
    assert Names.lazy
    assert not Opens.lazy
    assert not SessionInterface.lazy


# -- saving --


async def save(
    session: SecureCookieSession, app: Application | None = None
) -> Response:
    response = Response("")
    interface = SecureCookieSessionInterface()
    await interface.save_session(app or Application(), session, response)
    return response


def session_with(
    content: dict[str, Any], **facts: bool
) -> SecureCookieSession:
    session = SecureCookieSession(content)
    for name, value in facts.items():
        setattr(session, name, value)
    return session


SAVED = [
    # content, facts, refresh each request, cookie is set, Vary is there
    ({}, {}, True, False, False),
    ({}, {"accessed": True}, True, False, True),
    ({"a": 1}, {}, True, False, False),
    ({"a": 1}, {"accessed": True}, True, False, True),
    ({"a": 1}, {"modified": True}, True, True, True),
    ({}, {"modified": True}, True, True, True),
    ({"_permanent": True}, {}, True, True, True),
    ({"_permanent": True}, {}, False, False, False),
    ({"_permanent": True}, {"modified": True}, False, True, True),
]


@pytest.mark.parametrize(
    ("content", "facts", "refresh", "sets", "vary"), SAVED
)
async def test_a_cookie_is_set_when_it_is_needed(
    content: dict[str, Any],
    facts: dict[str, bool],
    refresh: bool,
    sets: bool,
    vary: bool,
) -> None:
    app = Application(SESSION_REFRESH_EACH_REQUEST=refresh)
    response = await save(session_with(content, **facts), app)
    assert ("set-cookie" in response.headers) is sets
    assert ("cookie" in response.vary) is vary


async def test_an_emptied_session_deletes_the_cookie() -> None:
    cookie = cookie_of(await save(session_with({}, modified=True)))["session"]
    assert (cookie.value, cookie["max-age"]) == ("", "0")
    assert cookie["samesite"] == "Lax"


async def test_a_permanent_session_has_a_date() -> None:
    response = await save(session_with({"_permanent": True}, modified=True))
    expires = cookie_of(response)["session"]["expires"]
    until = datetime.strptime(expires, "%a, %d %b %Y %H:%M:%S GMT")
    distance = until.replace(tzinfo=UTC) - datetime.now(UTC)
    assert timedelta(days=30) < distance <= timedelta(days=31)


async def test_other_sessions_end_with_the_browser() -> None:
    response = await save(session_with({"a": 1}, modified=True))
    assert cookie_of(response)["session"]["expires"] == ""


@pytest.mark.parametrize(
    ("config", "tls", "expected"),
    [
        ({}, False, "HttpOnly; Path=/; SameSite=Lax"),
        ({}, True, "HttpOnly; Path=/; SameSite=Lax; Secure"),
        (
            {"SESSION_COOKIE_SECURE": True},
            False,
            "HttpOnly; Path=/; SameSite=Lax; Secure",
        ),
        (
            {"SESSION_COOKIE_SECURE": False},
            True,
            "HttpOnly; Path=/; SameSite=Lax",
        ),
        (
            {"SESSION_COOKIE_HTTPONLY": False, "SESSION_COOKIE_PATH": "/a"},
            False,
            "Path=/a; SameSite=Lax",
        ),
        (
            {"APPLICATION_ROOT": "/app", "SESSION_COOKIE_SAMESITE": None},
            False,
            "HttpOnly; Path=/app",
        ),
        (
            {"SESSION_COOKIE_DOMAIN": "x.test"},
            False,
            "Domain=x.test; HttpOnly; Path=/; SameSite=Lax",
        ),
    ],
    ids=str,
)
async def test_the_cookie_has_its_attributes(
    interface: SecureCookieSessionInterface,
    config: dict[str, Any],
    tls: bool,
    expected: str,
) -> None:
    app = Application(**config)
    session = interface.load(app, Request(tls=tls))
    session["a"] = 1
    response = await save(session, app)
    attributes = response.headers["set-cookie"].split("; ")[1:]
    assert "; ".join(sorted(attributes)) == expected


async def test_the_cookie_has_the_name_of_the_configuration() -> None:
    app = Application(SESSION_COOKIE_NAME="sid")
    response = await save(session_with({"a": 1}, modified=True), app)
    assert list(cookie_of(response)) == ["sid"]


async def test_a_partitioned_cookie_is_secure() -> None:
    app = Application(SESSION_COOKIE_PARTITIONED=True)
    response = await save(session_with({"a": 1}, modified=True), app)
    assert {"Partitioned", "Secure"} <= set(
        response.headers["set-cookie"].split("; ")
    )


@pytest.mark.parametrize("modified", [True, False])
async def test_a_change_in_a_websocket_is_lost_with_a_warning(
    interface: SecureCookieSessionInterface,
    modified: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    session = session_with({"a": 1}, modified=modified)
    await interface.save_session(Application(), session, None)
    assert ("the modification is lost" in caplog.text) is modified


@pytest.mark.parametrize(
    ("cookie", "refresh", "expected"),
    [
        (signed({"_permanent": True}), True, True),
        (signed({"_permanent": True}), False, False),
        (signed({"_permanent": True, "a": "a" * 100}), True, True),
        (signed({"a": 1}), True, False),
        ("rubbish", True, False),
        ("ü", True, False),
        (None, True, False),
    ],
)
def test_a_session_nobody_looked_at_may_still_need_a_date(
    interface: SecureCookieSessionInterface,
    cookie: str | None,
    refresh: bool,
    expected: bool,
) -> None:
    app = Application(SESSION_REFRESH_EACH_REQUEST=refresh)
    assert interface.stale(app, Request(cookie)) is expected


def test_of_a_cookie_that_only_they_can_read_one_has_to_ask_them() -> None:
    class Encrypted(SecureCookieSessionInterface):
        def get_signing_serializer(self, app: Any) -> None:
            return None

    assert Encrypted().stale(Application(), Request("secret"))
