"""The collections that a view meets: Headers, MultiDict and their kin."""

from microquart.http.headers import Headers
from microquart.http.headerset import HeaderSet
from microquart.http.multidict import (
    CallbackDict,
    CombinedMultiDict,
    ImmutableDict,
    ImmutableMultiDict,
    MultiDict,
)

__all__ = [
    "CallbackDict",
    "CombinedMultiDict",
    "HeaderSet",
    "Headers",
    "ImmutableDict",
    "ImmutableMultiDict",
    "MultiDict",
]
