"""What tests of an application need: a client, a lifespan, a runner.

They speak ASGI to anything callable, on asyncio and on trio.
"""

from microquart.testing.app import LifespanError, TestApp
from microquart.testing.client import QuartClient
from microquart.testing.connections import (
    HTTPDisconnectError,
    TestHTTPConnection,
    TestWebsocketConnection,
    WebsocketDisconnectError,
    WebsocketResponseError,
)
from microquart.testing.runner import QuartCliRunner
from microquart.testing.utils import (
    make_test_body_with_headers,
    make_test_headers_path_and_query_string,
    make_test_scope,
    no_op_push,
    sentinel,
)

__all__ = [
    "HTTPDisconnectError",
    "LifespanError",
    "QuartCliRunner",
    "QuartClient",
    "TestApp",
    "TestHTTPConnection",
    "TestWebsocketConnection",
    "WebsocketDisconnectError",
    "WebsocketResponseError",
    "make_test_body_with_headers",
    "make_test_headers_path_and_query_string",
    "make_test_scope",
    "no_op_push",
    "sentinel",
]
