"""Holds the conversations of tests/protocol with another connection."""

from httptools_connection import HttptoolsConnection

from tests.protocol.conversation import CONNECTIONS

CONNECTIONS["h1"] = HttptoolsConnection
