"""Servers in clear and over TLS, as the server's own tests have them."""

from tests.server.conftest import certificates, secured

__all__ = ["certificates", "secured"]
