"""The session: what is remembered of a client from one request to the next.

By default it travels in a cookie that the client can read and cannot change:
signed, not encrypted.  A ``SessionInterface`` of the user's keeps it
elsewhere and leaves only an identifier with the client.

The cookie is that of Flask and Quart but for the digest: SHA-256 signs, and
what they signed with SHA-1 is still read, so a migration logs nobody out.
"""

import hashlib
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime, timedelta
from logging import Logger
from typing import Any, ClassVar, NoReturn, Protocol, TypeAlias

from microquart.http.datastructures import CallbackDict
from microquart.json.tag import TaggedJSONSerializer
from microquart.wrappers.response import Response

# A user's interface names its own application, request and response in the
# methods that it overrides.
Theirs: TypeAlias = Any

session_json_serializer = TaggedJSONSerializer()


class SessionApplication(Protocol):
    """What a session asks of an application."""

    @property
    def config(self) -> Mapping[str, Any]: ...

    @property
    def secret_key(self) -> str | bytes | None: ...

    @property
    def permanent_session_lifetime(self) -> timedelta: ...

    @property
    def logger(self) -> Logger: ...


class Carrier(Protocol):
    """What a session asks of a request, or of a websocket."""

    @property
    def cookies(self) -> Mapping[str, str]: ...

    @property
    def is_secure(self) -> bool: ...


class SigningSerializer(Protocol):
    """Turns a value into a signed text, and back if nobody touched it."""

    def dumps(self, obj: Any) -> str: ...

    def loads(self, s: str, max_age: int | None = None) -> Any: ...


class SessionMixin(MutableMapping[str, Any]):
    """What a session is besides a dictionary; mix it into one.

    ``new``: no valid session came with the request.  ``modified``: save it;
    an interface that cannot tell leaves True.  ``accessed``: somebody
    looked at it, so a cache must not mix up clients (``Vary: Cookie``).
    """

    new = False
    modified = True
    accessed = False

    @property
    def permanent(self) -> bool:
        """Whether the session outlives the browser."""
        return bool(self.get("_permanent", False))

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self["_permanent"] = bool(value)


class SecureCookieSession(CallbackDict[str, Any], SessionMixin):
    """A dictionary that knows whether it was changed.

    A change inside of a value is not seen: set ``session.modified = True``.
    """

    modified = False
    # Whether the request came by https, where the cookie shall be Secure.
    over_tls = False

    def __init__(self, initial: Mapping[str, Any] | None = None) -> None:
        super().__init__(initial)

    def changed(self) -> None:
        """Note that the cookie must be sent again."""
        self.modified = True


def _refuse(self: object, *args: object, **kwargs: object) -> NoReturn:
    raise RuntimeError(
        "the session cannot be changed because the application has no secret "
        "key to sign it; set app.secret_key to something random, for example "
        "the output of: python -c 'import secrets; print(secrets.token_hex())'"
    )


class NullSession(SecureCookieSession):
    """The session of an application without a secret key: read only."""

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse


class SessionInterface:
    """Where sessions come from and go to; subclass it for another place.

    ``open_session`` is awaited before the hooks of a request, and
    ``save_session`` after them unless the session is a null session.
    Requests of one client may overlap: the store has to bear that.
    """

    null_session_class: type[NullSession] = NullSession
    # True if unpickling is how sessions are read: some extensions refuse.
    pickle_based = False
    # True if load() may stand for open_session, called when somebody looks.
    lazy: ClassVar[bool] = False

    async def open_session(
        self, app: Theirs, request: Theirs
    ) -> SessionMixin | None:
        """Return the client's session; None: there can be none."""
        raise NotImplementedError

    async def save_session(
        self, app: Theirs, session: Theirs, response: Theirs
    ) -> None:
        """Store the session, and tell the client by the response.

        ``response`` is None when an accepted websocket has ended.
        """
        raise NotImplementedError

    async def make_null_session(self, app: Theirs) -> NullSession:
        """Return what stands for the session when there can be none."""
        return self.null_session_class()

    def is_null_session(self, instance: object) -> bool:
        """Tell whether this session is one that cannot be saved."""
        return isinstance(instance, self.null_session_class)

    def should_set_cookie(
        self, app: SessionApplication, session: SessionMixin
    ) -> bool:
        """Tell whether the client needs the cookie: new content, or time."""
        refresh: bool = app.config["SESSION_REFRESH_EACH_REQUEST"]
        return session.modified or (refresh and session.permanent)

    def get_expiration_time(
        self, app: SessionApplication, session: SessionMixin
    ) -> datetime | None:
        """Return when the cookie ends; None: together with the browser."""
        if session.permanent:
            return datetime.now(UTC) + app.permanent_session_lifetime
        return None

    # -- the cookie's attributes --

    def get_cookie_name(self, app: SessionApplication) -> str:
        """Return SESSION_COOKIE_NAME."""
        return str(app.config["SESSION_COOKIE_NAME"])

    def get_cookie_domain(self, app: SessionApplication) -> str | None:
        """Return SESSION_COOKIE_DOMAIN; None: only the host itself."""
        domain: str | None = app.config["SESSION_COOKIE_DOMAIN"]
        return domain or None

    def get_cookie_path(self, app: SessionApplication) -> str:
        """Return SESSION_COOKIE_PATH, else APPLICATION_ROOT, else ``/``."""
        path: str | None = app.config["SESSION_COOKIE_PATH"]
        root: str | None = app.config["APPLICATION_ROOT"]
        return path or root or "/"

    def get_cookie_httponly(self, app: SessionApplication) -> bool:
        """Return SESSION_COOKIE_HTTPONLY: scripts cannot read the cookie."""
        return bool(app.config["SESSION_COOKIE_HTTPONLY"])

    def get_cookie_secure(self, app: SessionApplication) -> bool | None:
        """Return whether the cookie is for https only; None: as it came."""
        secure: bool | None = app.config["SESSION_COOKIE_SECURE"]
        return secure

    def get_cookie_samesite(self, app: SessionApplication) -> str | None:
        """Return SESSION_COOKIE_SAMESITE: ``Strict``, ``Lax`` or None."""
        samesite: str | None = app.config["SESSION_COOKIE_SAMESITE"]
        return samesite

    def get_cookie_partitioned(self, app: SessionApplication) -> bool:
        """Return SESSION_COOKIE_PARTITIONED: a jar for each outer site."""
        return bool(app.config["SESSION_COOKIE_PARTITIONED"])

    def get_cookie_attributes(
        self, app: SessionApplication, session: SessionMixin
    ) -> dict[str, Any]:
        """Return them all, as ``Response.set_cookie`` takes them.

        ``secure``, if the configuration leaves it open, is the session's
        ``over_tls``.
        """
        secure = self.get_cookie_secure(app)
        if secure is None:
            secure = getattr(session, "over_tls", False)
        return {
            "domain": self.get_cookie_domain(app),
            "path": self.get_cookie_path(app),
            "httponly": self.get_cookie_httponly(app),
            "secure": secure,
            "samesite": self.get_cookie_samesite(app),
            "partitioned": self.get_cookie_partitioned(app),
        }


def is_lazy(interface: object) -> bool:
    """Tell whether the session can be opened when somebody looks at it.

    An interface need not be one of ours: it is asked, unless it says so.
    """
    return getattr(interface, "lazy", None) is True


def sha1(data: bytes = b"") -> "hashlib._Hash":
    # Only to read old cookies.  The flag lets FIPS builds compute it.
    return hashlib.sha1(data, usedforsecurity=False)


def seems_permanent(cookie: str) -> bool:
    """Tell, without its key, whether a cookie may hold a permanent session.

    A cookie that begins with a dot is compressed: it may.
    """
    content, dot, _ = cookie.partition(".")
    try:
        text = urlsafe_b64decode(content + "=" * (-len(content) % 4))
    except ValueError:
        return False
    return bool(dot) and (not content or b"_permanent" in text)


class SecureCookieSessionInterface(SessionInterface):
    """Keeps the whole session in a signed cookie, 4 kB at most.

    A cookie that was tampered with, that is older than the session's
    lifetime, or that no key of ours signed, is as good as none.
    """

    salt = "cookie-session"
    digest_method: Callable[..., Any] = staticmethod(hashlib.sha256)
    key_derivation = "hmac"
    serializer: Any = session_json_serializer
    session_class: type[SecureCookieSession] = SecureCookieSession
    lazy: ClassVar[bool] = True

    # Whether the content of a cookie can be read without its key.
    _legible: ClassVar[bool] = True
    # The last serializer, with the keys that it was made for.
    _made: tuple[object, SigningSerializer] | None = None

    def __init_subclass__(cls) -> None:
        # What a subclass awaits, or answers instead, is not to be skipped.
        ours = SecureCookieSessionInterface
        cls.lazy = (
            cls.open_session is ours.open_session
            and cls.make_null_session is ours.make_null_session
        )
        cls._legible = (
            cls.get_signing_serializer is ours.get_signing_serializer
            and cls.serializer is ours.serializer
        )

    def get_signing_serializer(
        self, app: SessionApplication
    ) -> SigningSerializer | None:
        """Return what signs and reads; None if there is no secret key.

        ``SECRET_KEY_FALLBACKS`` are read and never sign.
        """
        if not app.secret_key:
            return None
        fallbacks = app.config["SECRET_KEY_FALLBACKS"] or ()
        keys = (*fallbacks, app.secret_key)
        if self._made is None or self._made[0] != keys:
            self._made = keys, self._make_serializer(keys)
        return self._made[1]

    def _make_serializer(
        self, keys: tuple[str | bytes, ...]
    ) -> SigningSerializer:
        # itsdangerous signs with the last key and reads with all of them.
        from itsdangerous import URLSafeTimedSerializer

        signer = {
            "key_derivation": self.key_derivation,
            "digest_method": self.digest_method,
        }
        return URLSafeTimedSerializer(
            [k.encode() if isinstance(k, str) else k for k in keys],
            salt=self.salt,
            serializer=self.serializer,
            signer_kwargs=signer,
            fallback_signers=[{**signer, "digest_method": sha1}],
        )

    # -- opening --

    def load(
        self, app: SessionApplication, request: Carrier
    ) -> SecureCookieSession:
        """Return the session, without waiting; a null one if need be.

        Only who looks at a session has it loaded, so it counts as accessed.
        """
        serializer = self.get_signing_serializer(app)
        if serializer is None:
            return self.null_session_class()
        session = self._read(app, request, serializer)
        session.over_tls = request.is_secure
        session.accessed = True
        return session

    async def open_session(
        self, app: Theirs, request: Theirs
    ) -> SessionMixin | None:
        session = self.load(app, request)
        return None if self.is_null_session(session) else session

    def _read(
        self,
        app: SessionApplication,
        request: Carrier,
        serializer: SigningSerializer,
    ) -> SecureCookieSession:
        from itsdangerous import BadData

        session = self.session_class()
        session.new = True
        cookie = request.cookies.get(self.get_cookie_name(app))
        if not cookie:
            return session
        max_age = int(app.permanent_session_lifetime.total_seconds())
        try:
            content = serializer.loads(cookie, max_age=max_age)
        except BadData:
            return session
        if not isinstance(content, dict):
            return session
        return self.session_class(content)

    # -- saving --

    def stale(self, app: SessionApplication, request: Carrier) -> bool:
        """Tell whether a session nobody looked at may need a new date."""
        if not app.config["SESSION_REFRESH_EACH_REQUEST"]:
            return False
        cookie = request.cookies.get(self.get_cookie_name(app))
        if cookie is None:
            return False
        return not self._legible or seems_permanent(cookie)

    def save(
        self,
        app: SessionApplication,
        session: SessionMixin,
        response: Response | None,
    ) -> None:
        """Set, refresh or delete the cookie, as the session asks for."""
        if response is None:
            self._warn_of_loss(app, session)
            return
        if session.accessed or session.modified:
            response.vary.add("Cookie")
        if not session:
            if session.modified:
                name = self.get_cookie_name(app)
                response.delete_cookie(
                    name, **self.get_cookie_attributes(app, session)
                )
        elif self.should_set_cookie(app, session):
            response.vary.add("Cookie")
            self._set(app, session, response)

    async def save_session(
        self, app: Theirs, session: Theirs, response: Theirs
    ) -> None:
        self.save(app, session, response)

    def _set(
        self,
        app: SessionApplication,
        session: SessionMixin,
        response: Response,
    ) -> None:
        serializer = self.get_signing_serializer(app)
        if serializer is None:
            _refuse(session)
        response.set_cookie(
            self.get_cookie_name(app),
            serializer.dumps(dict(session)),
            expires=self.get_expiration_time(app, session),
            **self.get_cookie_attributes(app, session),
        )

    def _warn_of_loss(
        self, app: SessionApplication, session: SessionMixin
    ) -> None:
        if session.modified:
            app.logger.warning(
                "the session was modified in a websocket, which cannot set "
                "a cookie any more: the modification is lost"
            )
