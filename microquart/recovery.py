"""Who answers for an exception: the search for an error handler, and the log.

Nearest first: handlers of the innermost blueprint before those around it,
one for a status before one for a class, and of classes the first in the
order of the exception's ancestors.
"""

from collections.abc import Iterable
from types import TracebackType
from typing import TypeAlias

from microquart.adoption import ancestors, answers
from microquart.configured import Configured
from microquart.context import (
    AsyncFunction,
    Conversation,
    conversation_context,
)
from microquart.exceptions import (
    BadRequest,
    BadRequestKeyError,
    HTTPException,
    RequestRedirect,
)
from microquart.typing import ErrorHandlerCallable, ResponseReturnValue
from microquart.wrappers.response import Response
from microquart.wrappers.websocket import Websocket

ExcInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None]
    | tuple[None, None, None]
)


class Recovery(Configured):
    """An application as far as it deals with exceptions."""

    # -- answering --

    async def handle_http_exception(
        self, error: HTTPException
    ) -> HTTPException | ResponseReturnValue:
        """Let a handler answer; without one the exception does."""
        if error.code is None or isinstance(error, RequestRedirect):
            return error
        handler = self._find_error_handler(error, _blueprints())
        if handler is None:
            return self.explained(error)
        return await self._answer(handler, error)

    def explained(self, error: HTTPException) -> HTTPException | Response:
        """Return what answers where no handler does: the error itself."""
        return error

    async def handle_user_exception(
        self, error: Exception
    ) -> HTTPException | ResponseReturnValue:
        """Let a handler answer for an exception; without one, raise it."""
        if isinstance(error, BadRequestKeyError) and (
            self.debug or self.config["TRAP_BAD_REQUEST_ERRORS"]
        ):
            error.show_exception = True
        if answers(error) and not self.trap_http_exception(error):
            return await self.handle_http_exception(error)
        handler = self._find_error_handler(error, _blueprints())
        if handler is None:
            raise error
        return await self._answer(handler, error)

    async def _answer(
        self, handler: ErrorHandlerCallable, error: Exception
    ) -> ResponseReturnValue:
        ctx = conversation_context()
        if ctx is not None:
            ctx.answered_by = "errorhandler", handler
        run: AsyncFunction = self.ensure_async(handler)
        answer: ResponseReturnValue = await run(error)
        return answer

    def _find_error_handler(
        self, e: Exception, blueprints: Iterable[str]
    ) -> ErrorHandlerCallable | None:
        kind, code = self._get_exc_class_and_code(type(e))
        names = [*blueprints, None]
        for status in (code, None) if code is not None else (None,):
            for name in names:
                handlers = self.error_handler_spec.get(name, {}).get(status)
                for ancestor in ancestors(kind) if handlers else ():
                    if handlers and ancestor in handlers:
                        return handlers[ancestor]
        return None

    # -- what is no answer --

    def trap_http_exception(self, e: Exception) -> bool:
        """Tell whether an HTTPException counts as an error of the program."""
        if self.config["TRAP_HTTP_EXCEPTIONS"]:
            return True
        trap_bad_request = self.config["TRAP_BAD_REQUEST_ERRORS"]
        if trap_bad_request is None:
            return self.debug and isinstance(e, BadRequestKeyError)
        return bool(trap_bad_request) and isinstance(e, BadRequest)

    def should_ignore_error(self, error: BaseException | None) -> bool:
        """Tell whether an error shall pass unseen; an extension may say so."""
        return False

    def log_exception(self, exception_info: ExcInfo) -> None:
        """Log an exception, with the request or websocket it belongs to."""
        ctx = conversation_context()
        told = "" if ctx is None else f" on {told_of(ctx.conversation)}"
        self.logger.error(f"Exception{told}", exc_info=exception_info)


def told_of(conversation: Conversation) -> str:
    """Say which request, or which websocket, for the log."""
    if isinstance(conversation, Websocket):
        return f"websocket {conversation.path}"
    return f"request {conversation.method} {conversation.path}"


def _blueprints() -> list[str]:
    ctx = conversation_context()
    return [] if ctx is None else ctx.conversation.blueprints
