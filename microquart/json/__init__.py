"""JSON as the current application reads and writes it."""

import json
from collections.abc import Callable
from typing import IO, Any

from microquart.json.provider import DefaultJSONProvider, JSONProvider
from microquart.wrappers.response import Response


def _nobody() -> JSONProvider | None:
    return None


_find = _nobody


def ask(find: Callable[[], JSONProvider | None]) -> None:
    """Have the functions below ask ``find`` for the current provider.

    This module is below the application, which therefore has to be told.
    """
    global _find
    _find = find


def dumps(object_: Any, **kwargs: Any) -> str:
    """Return the JSON of an object; outside of an application, plainly."""
    provider = _find()
    if provider is not None:
        return provider.dumps(object_, **kwargs)
    kwargs.setdefault("default", DefaultJSONProvider.default)
    return json.dumps(object_, **kwargs)


def dump(object_: Any, fp: IO[str], **kwargs: Any) -> None:
    """Write the JSON of an object to a text file."""
    provider = _find()
    if provider is not None:
        provider.dump(object_, fp, **kwargs)
    else:
        fp.write(dumps(object_, **kwargs))


def loads(object_: str | bytes, **kwargs: Any) -> Any:
    """Return what JSON stands for.

    Raises:
        ValueError: it is no JSON.
    """
    provider = _find()
    if provider is not None:
        return provider.loads(object_, **kwargs)
    return json.loads(object_, **kwargs)


def load(fp: IO[str] | IO[bytes], **kwargs: Any) -> Any:
    """Return what the rest of a file stands for."""
    return loads(fp.read(), **kwargs)


def jsonify(*args: Any, **kwargs: Any) -> Response:
    """Return a response with the one argument, or all, as JSON.

    Raises:
        RuntimeError: there is no application whose response it could be.
    """
    provider = _find()
    if provider is None:
        raise RuntimeError("Not within an app context")
    return provider.response(*args, **kwargs)
