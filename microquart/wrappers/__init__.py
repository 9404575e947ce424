"""What a view is given and gives: Request, Websocket, Response.

The names are looked up when asked for, and ``__init__.pyi`` has their types.
Imported here they would close a ring: the exceptions are made of responses,
and requests raise exceptions.
"""

from importlib import import_module

_MODULES = {
    "BaseRequestWebsocket": "base",
    "Body": "request_body",
    "Request": "request",
    "Response": "response",
    "Websocket": "websocket",
}

__all__ = [*_MODULES]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_MODULES[name]}")
    globals()[name] = value = getattr(module, name)
    return value
