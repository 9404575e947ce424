"""The errors that both sides of the ASGI seam speak of."""


class MicroquartError(Exception):
    """The base of every error of ours that is not an HTTP answer."""


class ProtocolError(MicroquartError):
    """The peer broke the rules of its protocol.

    ``status`` is the answer for HTTP/1.1, ``code`` the error or close code
    for HTTP/2 and WebSocket.
    """

    def __init__(self, message: str, status: int = 400, code: int = 1) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class UnexpectedMessage(MicroquartError, RuntimeError):
    """The application broke the order or the form of ASGI messages."""


class ClientDisconnected(MicroquartError, ConnectionError):
    """The peer is gone, and so is what was to be sent to it.

    It is an OSError, which ASGI 2.4 asks of ``send()``.  ``code`` and
    ``reason`` are those of a WebSocket's close, or None.
    """

    def __init__(
        self,
        message: str = "the client has gone",
        code: int | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
