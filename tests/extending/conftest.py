"""Certificates, as the tests of the server have them."""

from tests.server.conftest import certificates

__all__ = ["certificates"]
