"""The header fields of a request as attributes.

Each is read when it is first asked for.  A field that cannot be read counts
as absent: a client's slip is no error of the application.
"""

from datetime import datetime
from functools import cached_property

from microquart.http.datastructures import Headers, HeaderSet
from microquart.http.fields import (
    Accept,
    Authorization,
    CharsetAccept,
    ETags,
    IfRange,
    LanguageAccept,
    MIMEAccept,
    Range,
    RequestCacheControl,
    UserAgent,
    parse_date,
    parse_options,
)


class RequestFields:
    """What can be said of a request by its ``headers`` alone."""

    user_agent_class = UserAgent

    @property
    def headers(self) -> Headers:
        """The fields, which the subclass has."""
        raise NotImplementedError

    # -- the content --

    @property
    def content_type(self) -> str | None:
        """The media type with its parameters, as it was sent."""
        return self.headers.get("Content-Type")

    @cached_property
    def _parsed_type(self) -> tuple[str, dict[str, str]]:
        return parse_options(self.content_type)

    @cached_property
    def mimetype(self) -> str:
        """The media type in lower case, without its parameters."""
        return self._parsed_type[0].lower()

    @property
    def mimetype_params(self) -> dict[str, str]:
        """The parameters of the media type, as in ``{"charset": "utf-8"}``."""
        return self._parsed_type[1]

    @property
    def is_json(self) -> bool:
        """Whether the media type is that of JSON, or of a kind of JSON."""
        if self.content_type == "application/json":
            return True
        kind = self.mimetype
        return kind == "application/json" or (
            kind.startswith("application/") and kind.endswith("+json")
        )

    @cached_property
    def content_length(self) -> int | None:
        """The announced length of the body, in bytes; None: unknown.

        One that is no number counts as 0.
        """
        value = self.headers.get("Content-Length")
        codings = self.headers.get("Transfer-Encoding")
        if value is None or (codings and "chunked" in codings.lower()):
            return None
        # int() would also take "+5", "0_5" and the digits of other scripts.
        if not (value.isascii() and value.isdigit() and len(value) < 19):
            return 0
        return int(value)

    @property
    def content_encoding(self) -> str | None:
        """The coding of the body, as in ``gzip``; it is not undone here."""
        return self.headers.get("Content-Encoding")

    @property
    def content_md5(self) -> str | None:
        """The field as it was sent; RFC 7231 has dropped it."""
        return self.headers.get("Content-MD5")

    # -- what the client would rather have --

    @cached_property
    def accept_mimetypes(self) -> MIMEAccept:
        """The media types that the client can take (Accept)."""
        return MIMEAccept.from_header(self.headers.get("Accept"))

    @cached_property
    def accept_charsets(self) -> CharsetAccept:
        """The charsets that the client can take (Accept-Charset)."""
        return CharsetAccept.from_header(self.headers.get("Accept-Charset"))

    @cached_property
    def accept_encodings(self) -> Accept:
        """The codings that the client can take (Accept-Encoding)."""
        return Accept.from_header(self.headers.get("Accept-Encoding"))

    @cached_property
    def accept_languages(self) -> LanguageAccept:
        """The languages that are wanted (Accept-Language)."""
        return LanguageAccept.from_header(self.headers.get("Accept-Language"))

    # -- conditions, ranges and caches --

    @cached_property
    def if_match(self) -> ETags:
        """Answer only if the version is one of these, else 412."""
        return ETags.from_header(self.headers.get("If-Match"))

    @cached_property
    def if_none_match(self) -> ETags:
        """Answer only if the version is none of these, else 304."""
        return ETags.from_header(self.headers.get("If-None-Match"))

    @cached_property
    def if_modified_since(self) -> datetime | None:
        """Answer only if changed since this moment (UTC), else 304."""
        return parse_date(self.headers.get("If-Modified-Since"))

    @cached_property
    def if_unmodified_since(self) -> datetime | None:
        """Answer only if not changed since then (UTC), else 412."""
        return parse_date(self.headers.get("If-Unmodified-Since"))

    @cached_property
    def if_range(self) -> IfRange:
        """Send the range only of this version, else all (If-Range)."""
        return IfRange.from_header(self.headers.get("If-Range"))

    @cached_property
    def range(self) -> Range | None:
        """The part that is asked for; None: all, or it cannot be read."""
        return Range.from_header(self.headers.get("Range"))

    @cached_property
    def cache_control(self) -> RequestCacheControl:
        """What the client asks of the caches on the way."""
        value = self.headers.get("Cache-Control")
        return RequestCacheControl.from_header(value)

    @cached_property
    def pragma(self) -> HeaderSet:
        """HTTP/1.0's Cache-Control, as its list of names."""
        return HeaderSet.from_header(self.headers.get("Pragma"))

    # -- the client, and where it comes from --

    @cached_property
    def authorization(self) -> Authorization | None:
        """The credentials; None without them, or if they cannot be read."""
        return Authorization.from_header(self.headers.get("Authorization"))

    @cached_property
    def user_agent(self) -> UserAgent:
        """What the client calls itself; false if it does not say."""
        return self.user_agent_class(self.headers.get("User-Agent", ""))

    @property
    def referrer(self) -> str | None:
        """The page that led here: the field Referer, as it was sent."""
        return self.headers.get("Referer")

    @property
    def origin(self) -> str | None:
        """Scheme, host and port of the page that asks; None: not sent."""
        return self.headers.get("Origin")

    @property
    def access_control_request_headers(self) -> HeaderSet | None:
        """The fields that a script wants to send, as CORS asks first."""
        value = self.headers.get("Access-Control-Request-Headers")
        return None if value is None else HeaderSet.from_header(value)

    @property
    def access_control_request_method(self) -> str | None:
        """The method that a script wants to use, as CORS asks first."""
        return self.headers.get("Access-Control-Request-Method")

    # -- the rest --

    @property
    def date(self) -> datetime | None:
        """When the request was made, in UTC; clients seldom say."""
        return parse_date(self.headers.get("Date"))

    @property
    def max_forwards(self) -> int | None:
        """How often TRACE or OPTIONS may be passed on; None: any number."""
        return self.headers.get("Max-Forwards", type=int)
