"""The values of fields: where each is read and written.

The rooms behind this door are ``syntax`` (lists, parameters), ``dates``,
``etags``, ``ranges``, ``accept``, ``cache`` and ``auth``.  What a field says
is read by ``from_header`` of its class, which raises nothing: what cannot be
read counts as absent.
"""

from unicodedata import combining, normalize

from microquart.http.accept import (
    Accept,
    CharsetAccept,
    LanguageAccept,
    MIMEAccept,
)
from microquart.http.auth import Authorization, WWWAuthenticate
from microquart.http.cache import (
    ContentSecurityPolicy,
    RequestCacheControl,
    ResponseCacheControl,
)
from microquart.http.dates import format_date, parse_date
from microquart.http.etags import ETags, quote_etag, unquote_etag
from microquart.http.ranges import (
    ContentRange,
    IfRange,
    Range,
    RangeNotSatisfiable,
    parse_range,
)
from microquart.http.syntax import (
    dump_dict,
    dump_list,
    dump_options,
    encode_extended,
    is_token,
    parse_dict,
    parse_list,
    parse_options,
    quote,
    unquote,
)

__all__ = [
    "Accept",
    "Authorization",
    "CharsetAccept",
    "ContentRange",
    "ContentSecurityPolicy",
    "ETags",
    "IfRange",
    "LanguageAccept",
    "MIMEAccept",
    "Range",
    "RangeNotSatisfiable",
    "RequestCacheControl",
    "ResponseCacheControl",
    "UserAgent",
    "WWWAuthenticate",
    "content_disposition",
    "dump_dict",
    "dump_list",
    "dump_options",
    "encode_extended",
    "format_date",
    "is_token",
    "parse_date",
    "parse_dict",
    "parse_list",
    "parse_options",
    "parse_range",
    "quote",
    "quote_etag",
    "unquote",
    "unquote_etag",
]


class UserAgent:
    """What the client calls itself; false if it does not say."""

    def __init__(self, string: str = "") -> None:
        self.string = string

    def to_header(self) -> str:
        """Return the field's value, as the client sent it."""
        return self.string

    def __bool__(self) -> bool:
        return bool(self.string)

    def __str__(self) -> str:
        return self.string

    def __repr__(self) -> str:
        return f"<UserAgent {self.string!r}>"


def content_disposition(disposition: str, filename: str | None = None) -> str:
    """Return a Content-Disposition that suggests a name to save under.

    >>> content_disposition("attachment", "report.pdf")
    'attachment; filename=report.pdf'
    >>> content_disposition("attachment", "naïve.txt")
    "attachment; filename=naive.txt; filename*=UTF-8''na%C3%AFve.txt"

    A name that is not plain is sent twice (RFC 6266, appendix D): resembling
    and safe for old clients, exact and percent-encoded (RFC 8187) for others.
    """
    if not is_token(disposition):
        raise ValueError(f"{disposition!r} is no disposition type")
    if filename is None:
        return disposition
    plain = "".join(map(_plain, normalize("NFKD", filename)))
    options = {"filename": plain}
    if plain != filename:
        options["filename*"] = encode_extended(filename)
    return dump_options(disposition, options)


def _plain(char: str) -> str:
    if combining(char):
        return ""
    # Clients disagree on the escapes in quotes, and some decode a percent.
    safe = char.isascii() and char.isprintable() and char not in '"\\/%'
    return char if safe else "_"
