"""Quart: the application.

What it can do stands in layers, each a class above the former: what can be
registered (``scaffold``), exceptions (``recovery``), URLs (``addressing``),
the way of a request (``pipeline``), starting and stopping (``serving``).
Here they are put together, with configuration, files, templates and tools.
"""

import os
import sys
import warnings
from asyncio import AbstractEventLoop
from collections.abc import Awaitable, Callable, Mapping, ValuesView
from datetime import timedelta
from functools import cached_property
from logging import Logger
from typing import Any, TypeVar

import anyio

from microquart.asgi import Receive, ReceiveMessage, Scope, Send
from microquart.blueprints import Blueprint
from microquart.config import (
    DEFAULT_CONFIG,
    Config,
    ConfigAttribute,
    env_value,
    get_debug_flag,
)
from microquart.context import AppGlobals, Context, conversation_context
from microquart.debug import routing_response, traceback_response
from microquart.exceptions import Aborter, HTTPException
from microquart.files import send_from_directory
from microquart.flashing import get_flashed_messages
from microquart.gateway import (
    ASGIHTTPConnection,
    ASGILifespan,
    ASGIWebsocketConnection,
)
from microquart.http.datastructures import Headers, ImmutableDict
from microquart.http.fields import Authorization
from microquart.json.provider import DefaultJSONProvider, JSONProvider
from microquart.logging import create_logger
from microquart.recovery import Result
from microquart.scaffold import find_package, open_to_read, setupmethod
from microquart.serving import Serving
from microquart.sessions import SecureCookieSessionInterface, SessionInterface
from microquart.templating import select_autoescape, update_template_context
from microquart.typing import (
    ASGIHTTPProtocol,
    ASGILifespanProtocol,
    ASGIWebsocketProtocol,
    FilePath,
    ShellContextProcessorCallable,
    TeardownCallable,
    TemplateFilterCallable,
    TemplateGlobalCallable,
    TemplateTestCallable,
)
from microquart.wrappers.request import Request, RequestSettings
from microquart.wrappers.response import Response, response_from
from microquart.wrappers.websocket import Websocket
