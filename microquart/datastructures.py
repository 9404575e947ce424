"""Quart's and Werkzeug's name for the containers of requests and responses.

``from werkzeug.datastructures import …`` becomes ``from
microquart.datastructures import …``.
"""

from microquart.http.accept import (
    Accept,
    CharsetAccept,
    LanguageAccept,
    MIMEAccept,
)
from microquart.http.datastructures import (
    CallbackDict,
    CombinedMultiDict,
    Headers,
    HeaderSet,
    ImmutableDict,
    ImmutableMultiDict,
    MultiDict,
)
from microquart.http.fields import (
    Authorization,
    ContentRange,
    ContentSecurityPolicy,
    ETags,
    IfRange,
    Range,
    RequestCacheControl,
    ResponseCacheControl,
    UserAgent,
    WWWAuthenticate,
)
from microquart.wrappers.uploads import FileStorage

__all__ = [
    "Accept",
    "Authorization",
    "CallbackDict",
    "CharsetAccept",
    "CombinedMultiDict",
    "ContentRange",
    "ContentSecurityPolicy",
    "ETags",
    "FileStorage",
    "HeaderSet",
    "Headers",
    "IfRange",
    "ImmutableDict",
    "ImmutableMultiDict",
    "LanguageAccept",
    "MIMEAccept",
    "MultiDict",
    "Range",
    "RequestCacheControl",
    "ResponseCacheControl",
    "UserAgent",
    "WWWAuthenticate",
]
