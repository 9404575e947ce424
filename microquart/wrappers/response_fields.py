"""The header fields of a response as attributes.

``response.last_modified = datetime.now(UTC)`` writes the field, and reading
gives the value again.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from microquart.http.auth import WWWAuthenticate
from microquart.http.cache import ResponseCacheControl
from microquart.http.cookies import dump_cookie
from microquart.http.datastructures import CallbackDict, Headers
from microquart.http.etags import quote_etag, unquote_etag
from microquart.http.ranges import ContentRange
from microquart.http.syntax import dump_dict, dump_options, parse_options
from microquart.wrappers.attributes import (
    COEP,
    COOP,
    Field,
    ObjectField,
    count_field,
    date_field,
    dump_enum,
    dump_moment,
    dump_seconds,
    list_field,
    load_moment,
    load_seconds,
    names_field,
    policy_field,
    put,
    text_field,
    with_charset,
    writer,
)

MAX_COOKIE_SIZE = 4093  # bytes, what clients keep at least


def _nobody() -> int:
    return MAX_COOKIE_SIZE


_find = _nobody


def ask(find: Callable[[], int]) -> None:
    """Have responses ask ``find`` how large a cookie may be.

    The application decides, and this module is below it.
    """
    global _find
    _find = find


class ResponseFields:
    """What Response has for single fields."""

    @property
    def headers(self) -> Headers:
        raise NotImplementedError

    _max_cookie_size: int | None = None

    @property
    def max_cookie_size(self) -> int:
        """The bytes of a Set-Cookie beyond which a warning is given; 0: none.

        Unless set, it is MAX_COOKIE_SIZE of the current application.
        """
        size = self._max_cookie_size
        return _find() if size is None else size

    @max_cookie_size.setter
    def max_cookie_size(self, value: int) -> None:
        self._max_cookie_size = value

    # -- the content --

    content_type = text_field("Content-Type")
    content_length = count_field("Content-Length")
    content_location = text_field("Content-Location")
    content_encoding = text_field("Content-Encoding")
    content_md5 = text_field("Content-MD5")
    content_language = names_field("Content-Language")

    @property
    def mimetype(self) -> str | None:
        """The media type, without its parameters."""
        value = self.headers.get("Content-Type")
        return value.partition(";")[0].strip() if value else None

    @mimetype.setter
    def mimetype(self, value: str) -> None:
        self.headers["Content-Type"] = with_charset(value)

    @property
    def mimetype_params(self) -> CallbackDict[str, str]:
        """The parameters of the media type; changing them writes them."""
        value, params = parse_options(self.headers.get("Content-Type"))

        def write(changed: CallbackDict[str, str]) -> None:
            self.headers["Content-Type"] = dump_options(value, changed)

        return CallbackDict(params, write)

    @property
    def is_json(self) -> bool:
        """Whether the media type is that of JSON, or of a kind of JSON."""
        mimetype = self.mimetype or ""
        return mimetype == "application/json" or (
            mimetype.startswith("application/") and mimetype.endswith("+json")
        )

    # -- caching --

    age = Field("Age", load_seconds, dump_seconds)
    cache_control: ObjectField[
        ResponseCacheControl, Mapping[str, str | None]
    ] = ObjectField("Cache-Control", ResponseCacheControl, dump_dict)
    date = date_field("Date")
    expires = date_field("Expires")
    last_modified = date_field("Last-Modified")
    vary = names_field("Vary")

    def set_etag(self, etag: str, weak: bool = False) -> None:
        """Name the version of the content; ``etag`` is without quotes."""
        self.headers["ETag"] = quote_etag(etag, weak)

    def get_etag(self) -> tuple[str, bool] | tuple[None, None]:
        """Return the etag without quotes, and whether it is weak."""
        return unquote_etag(self.headers.get("ETag"))

    # -- what else an answer says --

    accept_ranges = text_field("Accept-Ranges")
    allow = names_field("Allow")
    content_range = ObjectField("Content-Range", ContentRange, str)
    location = text_field("Location")
    retry_after = Field("Retry-After", load_moment, dump_moment)

    @property
    def www_authenticate(self) -> WWWAuthenticate:
        """The first challenge; set it to one, to a list of them, or None."""
        write = writer(self.headers, "WWW-Authenticate")
        value = self.headers.get("WWW-Authenticate")
        found = WWWAuthenticate.from_header(value, write)
        return found or WWWAuthenticate("basic", on_update=write)

    @www_authenticate.setter
    def www_authenticate(
        self, value: WWWAuthenticate | Iterable[WWWAuthenticate] | None
    ) -> None:
        if isinstance(value, WWWAuthenticate):
            value.on_update = writer(self.headers, "WWW-Authenticate")
            value = [value]
        challenges = [one.to_header() for one in value or ()]
        self.headers.setlist("WWW-Authenticate", challenges)

    @www_authenticate.deleter
    def www_authenticate(self) -> None:
        self.headers.pop("WWW-Authenticate", None)

    # -- what a page may do --

    content_security_policy = policy_field("Content-Security-Policy")
    content_security_policy_report_only = policy_field(
        "Content-Security-Policy-Report-Only"
    )
    cross_origin_opener_policy = Field(
        "Cross-Origin-Opener-Policy", COOP, dump_enum, COOP.UNSAFE_NONE
    )
    cross_origin_embedder_policy = Field(
        "Cross-Origin-Embedder-Policy", COEP, dump_enum, COEP.UNSAFE_NONE
    )

    # -- what a page of another origin may do (CORS) --

    access_control_allow_origin = text_field("Access-Control-Allow-Origin")
    access_control_allow_headers = list_field("Access-Control-Allow-Headers")
    access_control_allow_methods = list_field("Access-Control-Allow-Methods")
    access_control_expose_headers = list_field("Access-Control-Expose-Headers")
    access_control_max_age = count_field("Access-Control-Max-Age")

    @property
    def access_control_allow_credentials(self) -> bool:
        """Whether scripts of other origins may ask with cookies (CORS)."""
        return "Access-Control-Allow-Credentials" in self.headers

    @access_control_allow_credentials.setter
    def access_control_allow_credentials(self, value: bool | None) -> None:
        put(
            self.headers,
            "Access-Control-Allow-Credentials",
            "true" if value else "",
        )

    # -- cookies --

    def set_cookie(
        self,
        key: str,
        value: str = "",
        max_age: timedelta | float | None = None,
        expires: str | datetime | float | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: str | None = None,
        partitioned: bool = False,
    ) -> None:
        """Ask the client to keep a cookie.

        ``max_age`` is in seconds; without it and ``expires`` the client keeps
        the cookie until it is closed.

        Warns:
            UserWarning: the cookie is larger than ``max_cookie_size`` bytes,
                which clients may ignore.
        """
        field = dump_cookie(
            key,
            value,
            max_age,
            expires,
            path,
            domain,
            secure,
            httponly,
            samesite,
            partitioned,
        )
        limit = self.max_cookie_size
        if limit and len(field) > limit:
            warnings.warn(
                f"The cookie {key!r} has {len(field)} bytes, more than the"
                f" {limit} that clients must keep: they may ignore it.",
                stacklevel=2,
            )
        self.headers.add("Set-Cookie", field)

    def delete_cookie(
        self,
        key: str,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: str | None = None,
        partitioned: bool = False,
    ) -> None:
        """Ask the client to drop a cookie that was set with these options."""
        self.set_cookie(
            key,
            "",
            0,
            0,
            path,
            domain,
            secure,
            httponly,
            samesite,
            partitioned,
        )
