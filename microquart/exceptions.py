"""What a view says instead of answering: one exception for each status.

``raise NotFound`` or ``abort(404)`` ends a view; the application turns the
exception into a response, by an error handler or by ``get_response()``.
The statuses are those of RFC 9110, section 15, RFC 4918 and RFC 6585.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NoReturn

from markupsafe import escape

from microquart.http.auth import WWWAuthenticate
from microquart.http.datastructures import Headers, MultiDict
from microquart.http.dates import format_date
from microquart.wrappers.redirect import redirect_response
from microquart.wrappers.response import PHRASES, Response


class HTTPException(Exception):
    """The base of all; given a ``response``, it answers that very one.

    ``code`` is the status, ``description`` what the client is told.
    """

    code: int | None = None
    description: str | None = None

    def __init__(
        self,
        description: str | None = None,
        response: Response | None = None,
    ) -> None:
        super().__init__()
        if description is not None:
            self.description = description
        self.response = response

    @property
    def name(self) -> str:
        """The reason phrase of the status, or "Unknown Error"."""
        return PHRASES.get(self.code or 0, "Unknown Error")

    # Users override these four, and their overrides may hand on Werkzeug's
    # two arguments.  Nothing here needs them.

    def get_description(
        self, environ: object = None, scope: object = None
    ) -> str:
        """Return the description as an HTML paragraph, escaped."""
        text = str(escape(self.description or "")).replace("\n", "<br>")
        return f"<p>{text}</p>"

    def get_body(self, environ: object = None, scope: object = None) -> str:
        """Return the HTML page."""
        name = escape(self.name)
        return (
            "<!doctype html>\n<html lang=en>\n"
            f"<title>{self.code} {name}</title>\n<h1>{name}</h1>\n"
            f"{self.get_description()}\n"
        )

    def get_headers(
        self, environ: object = None, scope: object = None
    ) -> list[tuple[str, str]]:
        """Return the header fields of the page, as (name, value)."""
        return [("Content-Type", "text/html; charset=utf-8")]

    def get_response(
        self, environ: object = None, scope: object = None
    ) -> Response:
        """Return the response that was given, or a new one with the page."""
        if self.response is not None:
            return self.response
        return Response(self.get_body(), self.code, self.get_headers())

    def __str__(self) -> str:
        return f"{self.code or '???'} {self.name}: {self.description}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} '{self.code or '???'}: {self.name}'>"


class RequestRedirect(HTTPException):
    """The router knows the right URL; 308 keeps the method and the body.

    ``new_url`` goes out as it is given: what is a path stays a path, so the
    answer cannot lead to another host.
    """

    code = 308

    def __init__(self, new_url: str) -> None:
        super().__init__(f"The resource is at {new_url}")
        self.new_url = new_url

    def get_response(
        self, environ: object = None, scope: object = None
    ) -> Response:
        return redirect_response(self.new_url, 308)


class BadRequest(HTTPException):
    code = 400
    description = "The server does not understand this request."


class BadRequestKeyError(BadRequest, KeyError):
    """A key that the request lacks; an application in debug mode names it.

    >>> error = BadRequestKeyError("page")
    >>> error.show_exception = True
    >>> error.description
    "The server does not understand this request.\\nKeyError: 'page'"
    """

    def __init__(
        self,
        arg: object = None,
        description: str | None = None,
        response: Response | None = None,
    ) -> None:
        super().__init__(description, response)
        self.args = () if arg is None else (arg,)
        self._shown = False

    @property
    def show_exception(self) -> bool:
        return self._shown

    @show_exception.setter
    def show_exception(self, value: bool) -> None:
        if value != self._shown:
            key = f"\nKeyError: {KeyError.__str__(self)}"
            text = self.description or ""
            self.description = text + key if value else text.removesuffix(key)
            self._shown = value


class SecurityError(BadRequest):
    """The request is not trusted, like one with a foreign Host."""


class BadHost(BadRequest):
    """The Host field does not name a host."""


class WebsocketMismatch(BadRequest):
    """A websocket asked for an http rule, or the other way round."""


class Unauthorized(HTTPException):
    """``www_authenticate`` tells the client how to say who it is.

    A 401 owes the client at least one (RFC 9110, section 15.5.2).
    """

    code = 401
    description = (
        "The credentials are missing or wrong: the server cannot tell"
        " whether you may see this resource."
    )

    def __init__(
        self,
        description: str | None = None,
        response: Response | None = None,
        www_authenticate: WWWAuthenticate
        | Iterable[WWWAuthenticate]
        | None = None,
    ) -> None:
        super().__init__(description, response)
        if isinstance(www_authenticate, WWWAuthenticate):
            www_authenticate = (www_authenticate,)
        self.www_authenticate = tuple(www_authenticate or ())

    def get_headers(
        self, environ: object = None, scope: object = None
    ) -> list[tuple[str, str]]:
        return super().get_headers() + [
            ("WWW-Authenticate", str(one)) for one in self.www_authenticate
        ]


class Forbidden(HTTPException):
    code = 403
    description = "You are not allowed to do this here."


class NotFound(HTTPException):
    code = 404
    description = "There is nothing at this URL. Is it spelt correctly?"


class MethodNotAllowed(HTTPException):
    """``valid_methods`` are named to the client in Allow."""

    code = 405
    description = "This URL does not support the method of the request."

    def __init__(
        self,
        valid_methods: Iterable[str] | None = None,
        description: str | None = None,
        response: Response | None = None,
    ) -> None:
        super().__init__(description, response)
        self.valid_methods = (
            None if valid_methods is None else list(valid_methods)
        )

    def get_headers(
        self, environ: object = None, scope: object = None
    ) -> list[tuple[str, str]]:
        fields = super().get_headers()
        if self.valid_methods:
            fields.append(("Allow", ", ".join(self.valid_methods)))
        return fields


class NotAcceptable(HTTPException):
    code = 406
    description = (
        "The server cannot answer in any form that the request accepts."
    )


class RequestTimeout(HTTPException):
    code = 408
    description = "The request did not arrive in time."


class Conflict(HTTPException):
    code = 409
    description = (
        "The request contradicts the state of the resource, which may have"
        " been changed meanwhile."
    )


class Gone(HTTPException):
    code = 410
    description = "What was at this URL is gone for good."


class LengthRequired(HTTPException):
    code = 411
    description = "The request needs a valid Content-Length."


class PreconditionFailed(HTTPException):
    code = 412
    description = "A condition that the request made does not hold."


class RequestEntityTooLarge(HTTPException):
    code = 413
    description = "The body of the request is larger than allowed."


class RequestURITooLarge(HTTPException):
    code = 414
    description = "The URL is longer than allowed."


class UnsupportedMediaType(HTTPException):
    code = 415
    description = "The server cannot read a body of this media type here."


class RequestedRangeNotSatisfiable(HTTPException):
    """``length`` is that of the whole content, told in Content-Range."""

    code = 416
    description = "The content does not have the range asked for."

    def __init__(
        self,
        length: int | None = None,
        units: str = "bytes",
        description: str | None = None,
        response: Response | None = None,
    ) -> None:
        super().__init__(description, response)
        self.length = length
        self.units = units

    def get_headers(
        self, environ: object = None, scope: object = None
    ) -> list[tuple[str, str]]:
        fields = super().get_headers()
        if self.length is not None:
            fields.append(("Content-Range", f"{self.units} */{self.length}"))
        return fields


class ExpectationFailed(HTTPException):
    code = 417
    description = "The server cannot do what Expect asks for."


class ImATeapot(HTTPException):
    code = 418
    description = "This is a teapot; it brews no coffee."


class MisdirectedRequest(HTTPException):
    code = 421
    description = "This server does not answer for the host of the request."


class UnprocessableEntity(HTTPException):
    code = 422
    description = "The request is well formed, but its content is not valid."


class Locked(HTTPException):
    code = 423
    description = "The resource is locked."


class FailedDependency(HTTPException):
    code = 424
    description = "Another action failed, on which this one depends."


class PreconditionRequired(HTTPException):
    code = 428
    description = (
        "The request must be conditional, by If-Match or If-Unmodified-Since."
    )


class _RetryAfter(HTTPException):
    """``retry_after``: seconds, or the moment from which to try again."""

    def __init__(
        self,
        description: str | None = None,
        response: Response | None = None,
        retry_after: datetime | int | None = None,
    ) -> None:
        super().__init__(description, response)
        self.retry_after = retry_after

    def get_headers(
        self, environ: object = None, scope: object = None
    ) -> list[tuple[str, str]]:
        fields = super().get_headers()
        when = self.retry_after
        if isinstance(when, datetime):
            fields.append(("Retry-After", format_date(when)))
        elif when is not None:
            fields.append(("Retry-After", str(when)))
        return fields


class TooManyRequests(_RetryAfter):
    code = 429
    description = "Too many requests in too short a time. Try again later."


class RequestHeaderFieldsTooLarge(HTTPException):
    code = 431
    description = "The header fields of the request are larger than allowed."


class UnavailableForLegalReasons(HTTPException):
    code = 451
    description = "The law does not let the server answer."


class InternalServerError(HTTPException):
    """``original_exception`` is what went wrong, for an error handler."""

    code = 500
    description = (
        "Something went wrong in the application. It is not your fault."
    )

    def __init__(
        self,
        description: str | None = None,
        response: Response | None = None,
        original_exception: BaseException | None = None,
    ) -> None:
        super().__init__(description, response)
        self.original_exception = original_exception


class NotImplemented(HTTPException):
    code = 501
    description = "The server does not know how to do this."


class BadGateway(HTTPException):
    code = 502
    description = "The server behind this one gave no valid answer."


class ServiceUnavailable(_RetryAfter):
    code = 503
    description = (
        "The server has too much to do or is being maintained. Try again"
        " later."
    )


class GatewayTimeout(HTTPException):
    code = 504
    description = "The server behind this one did not answer in time."


class HTTPVersionNotSupported(HTTPException):
    code = 505
    description = "The server does not speak this version of HTTP."


default_exceptions: dict[int, type[HTTPException]] = {
    kind.code: kind
    for kind in [
        *HTTPException.__subclasses__(),
        *_RetryAfter.__subclasses__(),
    ]
    if kind.code is not None and kind is not RequestRedirect
}


class Aborter:
    """Raises the exception of a status; ``mapping`` has them by code."""

    def __init__(
        self,
        mapping: Mapping[int, type[HTTPException]] | None = None,
        extra: Mapping[int, type[HTTPException]] | None = None,
    ) -> None:
        self.mapping = {
            **(default_exceptions if mapping is None else mapping),
            **(extra or {}),
        }

    def __call__(
        self, code: int | Response, *args: Any, **kwargs: Any
    ) -> NoReturn:
        """Raise; the further arguments are those of the exception.

        Raises:
            LookupError: no exception has this code.
        """
        if isinstance(code, Response):
            raise HTTPException(response=code)
        kind = self.mapping.get(code)
        if kind is None:
            raise LookupError(f"no exception for {code!r}")
        raise kind(*args, **kwargs)


abort = Aborter()

# ``request.args["missing"]`` is the client's mistake, not the server's.
MultiDict.key_error = Headers.key_error = BadRequestKeyError
