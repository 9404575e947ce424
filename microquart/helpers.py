"""What views call: answers, redirects, files, flashes, URLs."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from functools import wraps
from io import BytesIO
from typing import Any, NoReturn

from microquart import files
from microquart.config import get_debug_flag, get_load_dotenv
from microquart.context import conversation_context, the_context
from microquart.exceptions import Aborter
from microquart.flashing import flash, get_flashed_messages
from microquart.globals import current_app, request
from microquart.resources import find_package
from microquart.typing import FilePath
from microquart.wrappers.redirect import redirect_response
from microquart.wrappers.response import Response

__all__ = [
    "abort",
    "find_package",
    "flash",
    "get_debug_flag",
    "get_flashed_messages",
    "get_load_dotenv",
    "get_template_attribute",
    "make_push_promise",
    "make_response",
    "redirect",
    "send_file",
    "send_from_directory",
    "stream_with_context",
    "url_for",
]


# -- answers --


class CurrentAborter(Aborter):
    """Ends a view, by what the current application aborts with."""

    def __call__(
        self, code: int | Response, *args: Any, **kwargs: Any
    ) -> NoReturn:
        """Raise; the further arguments are those of the exception.

        Raises:
            LookupError: no exception has this code.
        """
        if current_app:
            current_app.aborter(code, *args, **kwargs)
        super().__call__(code, *args, **kwargs)


abort = CurrentAborter()


def redirect(location: str, code: int = 302) -> Response:
    """Return a response that leads to ``location``.

    Raises:
        ValueError: it has a control character, or the code is another's.
    """
    if current_app:
        return current_app.redirect(location, code)
    return redirect_response(location, code)


async def make_response(*args: Any) -> Response:
    """Return the response that a view's return value becomes.

    ::

        response = await make_response(await render_template("a.html"), 404)
        response.headers["X-Colour"] = "green"
        return response
    """
    if not args:
        return current_app.response_class("")
    value = args[0] if len(args) == 1 else args
    return await current_app.make_response(value)


async def make_push_promise(path: str) -> None:
    """Do nothing: browsers have given server push up."""
    await request.send_push_promise(path)


def stream_with_context(
    func: Callable[..., AsyncIterator[Any]],
) -> Callable[..., AsyncIterator[Any]]:
    """Return the generator function, to run in the request's context of now.

    A stream that a view returns runs there anyhow; this is for one that is
    iterated elsewhere.
    """
    ctx = the_context("request")

    @wraps(func)
    async def generate(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        here = conversation_context()
        if here is not None and here.request is ctx.request:
            async for item in func(*args, **kwargs):
                yield item
            return
        async with ctx.copy():
            async for item in func(*args, **kwargs):
                yield item

    return generate


# -- files --


async def send_file(
    filename_or_io: FilePath | BytesIO,
    mimetype: str | None = None,
    as_attachment: bool = False,
    attachment_filename: str | None = None,
    add_etags: bool = True,
    cache_timeout: int | None = None,
    conditional: bool = True,
    last_modified: datetime | int | float | None = None,
) -> Response:
    """Return a response with a file, by a path that is trusted.

    ``conditional``: answer conditions and ranges of the current request.

    Raises:
        ValueError: there is neither a media type nor a name to guess it by.
    """
    ctx = conversation_context()
    return await files.send_file(
        filename_or_io,
        mimetype=mimetype,
        as_attachment=as_attachment,
        attachment_filename=attachment_filename,
        add_etags=add_etags,
        cache_timeout=cache_timeout,
        conditional=conditional,
        last_modified=last_modified,
        request=None if ctx is None else ctx.request,
        max_age=current_app.get_send_file_max_age,
        response_class=current_app.response_class,
    )


async def send_from_directory(
    directory: FilePath,
    file_name: str,
    *,
    mimetype: str | None = None,
    as_attachment: bool = False,
    attachment_filename: str | None = None,
    add_etags: bool = True,
    cache_timeout: int | None = None,
    conditional: bool = True,
    last_modified: datetime | int | float | None = None,
) -> Response:
    """Return a response with a file of a directory, by an untrusted name.

    Raises:
        NotFound: there is none, or the name leads out of the directory.
    """
    ctx = conversation_context()
    return await files.send_from_directory(
        directory,
        file_name,
        mimetype=mimetype,
        as_attachment=as_attachment,
        attachment_filename=attachment_filename,
        add_etags=add_etags,
        cache_timeout=cache_timeout,
        conditional=conditional,
        last_modified=last_modified,
        request=None if ctx is None else ctx.request,
        max_age=current_app.get_send_file_max_age,
        response_class=current_app.response_class,
    )


# -- URLs and templates --


def url_for(
    endpoint: str,
    *,
    _anchor: str | None = None,
    _external: bool | None = None,
    _method: str | None = None,
    _scheme: str | None = None,
    **values: Any,
) -> str:
    """Return the URL of an endpoint; see ``Quart.url_for``."""
    return current_app.url_for(
        endpoint,
        _anchor=_anchor,
        _external=_external,
        _method=_method,
        _scheme=_scheme,
        **values,
    )


def get_template_attribute(template_name: str, attribute: str) -> Any:
    """Return what a template defines, to be called without ``await``.

    ::

        hello = get_template_attribute("_macros.html", "hello")
        return hello("World")
    """
    environment = current_app.jinja_env.overlay(enable_async=False)
    return getattr(environment.get_template(template_name).module, attribute)
