"""The command line: ``microquart run``, ``routes`` and ``shell``.

The options of ``run`` are the settings of the server, by their names.  Each
comes from the command line, else from the environment (MICROQUART_ before its
name), else from a TOML file (``-c``), else from its default.
"""

import dataclasses
import platform
import sys
import tomllib
import traceback
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import click
from click.core import ParameterSource

from microquart.app import Quart
from microquart.console import interact
from microquart.loading import LoadError, load
from microquart.protocol.limits import Limits
from microquart.server import serve
from microquart.server.listen import BindError
from microquart.server.occupied import explain
from microquart.server.settings import Settings, development

PREFIX = "MICROQUART_"
HOST, PORT = "127.0.0.1", 8000

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
