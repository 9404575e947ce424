"""All records as JSON objects, a line each, with the request's id."""

import logging
import sys

from microquart.server.log import Objects


def configure(level: str) -> None:
    """Take over the records of the service, its libraries and the server."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Objects())
    logging.basicConfig(level=level.upper(), handlers=[handler])
