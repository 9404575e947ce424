"""Werkzeug's exceptions, which are taken for ours.

Quart's are Werkzeug's, so its extensions raise those, and programs have error
handlers for them.  Here each counts as our exception of the same name.
"""

from typing import TypeGuard

from microquart import exceptions
from microquart.exceptions import HTTPException

WERKZEUGS = "werkzeug.exceptions"


def native(kind: type) -> type:
    """Return our class for Werkzeug's, and any other as it is."""
    if kind.__module__ != WERKZEUGS:
        return kind
    ours: type = getattr(exceptions, kind.__name__, kind)
    return ours


def ancestors(kind: type) -> list[type]:
    """Return a class and all that it derives from, natives all of them."""
    return [native(ancestor) for ancestor in kind.__mro__]


def is_http(kind: type) -> TypeGuard[type[HTTPException]]:
    """Tell whether it is a class of HTTPExceptions.

    >>> is_http(exceptions.NotFound), is_http(KeyError)
    (True, False)
    """
    return issubclass(kind, HTTPException) or HTTPException in ancestors(kind)


def answers(error: BaseException) -> TypeGuard[HTTPException]:
    """Tell whether an exception is an HTTPException."""
    return is_http(type(error))
