"""Every error as a problem, application/problem+json (RFC 9457)."""

from typing import Any

from microquart import Quart, Response, json, request
from microquart.exceptions import HTTPException, UnprocessableEntity


class Invalid(UnprocessableEntity):
    """A body whose members are not what they should be: what is wrong where.

    ``errors`` has JSON pointers: ``{"/title": "must be text"}``.
    """

    description = "The body has members that cannot be used."

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__()
        self.errors = errors


def init_app(app: Quart) -> None:
    # An exception that nobody handles comes as an InternalServerError.
    app.register_error_handler(HTTPException, problem)


async def problem(error: HTTPException) -> Response:
    """Answer with the fields of the error, as Allow or Retry-After."""
    response = error.get_response()
    if error.response is not None or response.status_code < 400:
        return response
    response.set_data(json.dumps(_members(error)))
    response.content_type = "application/problem+json"
    return response


def _members(error: HTTPException) -> dict[str, Any]:
    members: dict[str, Any] = {
        "type": "about:blank",
        "title": error.name,
        "status": error.code,
        "detail": error.description,
        "instance": request.path,
    }
    if "request_id" in (state := request.scope.get("state", {})):
        members["request_id"] = state["request_id"]
    if isinstance(error, Invalid):
        members["errors"] = [
            {"pointer": pointer, "detail": detail}
            for pointer, detail in error.errors.items()
        ]
    return members
