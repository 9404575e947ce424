"""Routing: which rule a path belongs to, and which URL an endpoint has.

A rule is cut into tokens (``syntax``), whose variables have converters
(``converters``), into parts (``parts``), one for each step down the tree
(``matcher``).  A Map holds the rules (``rules``) and walks the tree; a
MapAdapter is the map as one request sees it, and builds URLs.
"""

from microquart.exceptions import RequestRedirect, WebsocketMismatch
from microquart.routing.adapter import MapAdapter
from microquart.routing.converters import (
    DEFAULT_CONVERTERS,
    AnyConverter,
    BaseConverter,
    FloatConverter,
    IntegerConverter,
    NumberConverter,
    PathConverter,
    UnicodeConverter,
    UUIDConverter,
    ValidationError,
)
from microquart.routing.errors import BuildError
from microquart.routing.explain import Verdict, Witness
from microquart.routing.map import Map
from microquart.routing.matcher import Matcher
from microquart.routing.rules import Rule

# Quart's own names for the two classes.
QuartMap = Map
QuartRule = Rule

__all__ = [
    "DEFAULT_CONVERTERS",
    "AnyConverter",
    "BaseConverter",
    "BuildError",
    "FloatConverter",
    "IntegerConverter",
    "Map",
    "MapAdapter",
    "Matcher",
    "NumberConverter",
    "PathConverter",
    "QuartMap",
    "QuartRule",
    "RequestRedirect",
    "Rule",
    "UUIDConverter",
    "UnicodeConverter",
    "ValidationError",
    "Verdict",
    "WebsocketMismatch",
    "Witness",
]
