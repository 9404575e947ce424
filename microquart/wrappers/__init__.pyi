from microquart.wrappers.base import BaseRequestWebsocket
from microquart.wrappers.request import Request
from microquart.wrappers.request_body import Body
from microquart.wrappers.response import Response
from microquart.wrappers.websocket import Websocket

__all__ = [
    "BaseRequestWebsocket",
    "Body",
    "Request",
    "Response",
    "Websocket",
]
