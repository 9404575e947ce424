"""Templates: from a name or a text and values to a page.

Importing this module costs nothing: Jinja comes in, by ``environment``, when
an application makes its environment at the first template.
"""

from collections.abc import (
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from typing import Any, Protocol, TypeAlias

from microquart.context import AsyncFunction, Context, the_context
from microquart.signals import (
    announce,
    before_render_template,
    template_rendered,
)

# Where a value is put into a page, its <, >, & and quotes have to be escaped.
ESCAPED = (".html", ".htm", ".xml", ".xhtml", ".svg")


class Template(Protocol):
    """What is asked of a template: those of Jinja fit."""

    async def render_async(self, context: dict[str, Any], /) -> str: ...

    def generate_async(
        self, context: dict[str, Any], /
    ) -> AsyncIterator[str]: ...


class Templates(Protocol):
    """What is asked of an environment."""

    def get_or_select_template(self, name: Any, /) -> Template: ...

    def from_string(self, source: str, /) -> Template: ...


Processors: TypeAlias = Mapping[str | None, Iterable[Callable[[], Any]]]


class TemplateApplication(Protocol):
    """What rendering asks of the application."""

    @property
    def jinja_env(self) -> Templates: ...

    @property
    def template_context_processors(self) -> Processors: ...

    def ensure_async(self, func: Callable[..., Any]) -> AsyncFunction: ...

    async def update_template_context(
        self, context: dict[str, Any]
    ) -> None: ...


TemplateName: TypeAlias = str | Template | list[str] | list[str | Template]


async def render_template(
    template_name_or_list: TemplateName, **context: Any
) -> str:
    """Render a template, or the first of a list that exists.

    Raises:
        jinja2.TemplateNotFound: there is none; the text says where it was
            sought, and what has a name like this one.
    """
    app = _current_app()
    await app.update_template_context(context)
    template = app.jinja_env.get_or_select_template(template_name_or_list)
    return await _render(app, template, context)


async def render_template_string(source: str, **context: Any) -> str:
    """Render a text; as it has no name, values in it are escaped."""
    app = _current_app()
    await app.update_template_context(context)
    return await _render(app, app.jinja_env.from_string(source), context)


async def stream_template(
    template_name_or_list: TemplateName, **context: Any
) -> AsyncIterator[str]:
    """Return the rendered template in pieces, to be returned by a view."""
    app = _current_app()
    await app.update_template_context(context)
    template = app.jinja_env.get_or_select_template(template_name_or_list)
    return await _stream(app, template, context)


async def stream_template_string(
    source: str, **context: Any
) -> AsyncIterator[str]:
    """Return a rendered text in pieces, to be returned by a view."""
    app = _current_app()
    await app.update_template_context(context)
    return await _stream(app, app.jinja_env.from_string(source), context)


def select_autoescape(filename: str | None) -> bool:
    """Tell whether the values in a template are escaped.

    >>> select_autoescape("page.html"), select_autoescape("mail.txt")
    (True, False)
    """
    return filename is None or filename.lower().endswith(ESCAPED)


async def update_template_context(
    app: TemplateApplication, ctx: Context | None, context: dict[str, Any]
) -> None:
    """Add what context processors return; what is there already stays.

    Those of the application come first, then those of the blueprint and of
    the ones round it, from outside to inside: the innermost has the say.
    """
    given = context.copy()
    for name in _names(ctx):
        for processor in app.template_context_processors.get(name, ()):
            context.update(await app.ensure_async(processor)())
    context.update(given)


# -- inside --


def _names(ctx: Context | None) -> Iterator[str | None]:
    yield None
    if ctx is not None and ctx.request_websocket is not None:
        yield from reversed(ctx.request_websocket.blueprints)


def _current_app() -> TemplateApplication:
    # The floor of the context knows an application that has no templates.
    app: Any = the_context("app").app
    found: TemplateApplication = app
    return found


async def _render(
    app: TemplateApplication, template: Template, context: dict[str, Any]
) -> str:
    values = {"template": template, "context": context}
    await announce(before_render_template, app, **values)
    page = await template.render_async(context)
    await announce(template_rendered, app, **values)
    return page


async def _stream(
    app: TemplateApplication, template: Template, context: dict[str, Any]
) -> AsyncIterator[str]:
    values = {"template": template, "context": context}
    await announce(before_render_template, app, **values)

    async def pieces() -> AsyncIterator[str]:
        async for piece in template.generate_async(context):
            yield piece
        await announce(template_rendered, app, **values)

    return pieces()


def __getattr__(name: str) -> Any:
    # Jinja's part, for those who subclass it.
    if name in ("DispatchingJinjaLoader", "Environment"):
        from microquart import environment

        return getattr(environment, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
