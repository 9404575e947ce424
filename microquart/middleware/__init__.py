"""Middleware for any ASGI application, under any server.

Each is an ASGI application round others: ``app = ProxyFixMiddleware(app)``, or
for a Quart application ``app.asgi_app = ProxyFixMiddleware(app.asgi_app)``.
``microquart.middleware.metrics`` is imported by itself, since it needs
prometheus-client (the extra ``metrics``).
"""

from microquart.middleware.dispatcher import DispatcherMiddleware
from microquart.middleware.https import HTTPToHTTPSRedirectMiddleware
from microquart.middleware.proxy import (
    ProxyFixMiddleware,
    ProxyHeadersMiddleware,
)

__all__ = [
    "DispatcherMiddleware",
    "HTTPToHTTPSRedirectMiddleware",
    "ProxyFixMiddleware",
    "ProxyHeadersMiddleware",
]
