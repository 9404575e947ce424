"""Jinja's part of the templates: the environment, and where they are found.

The application makes its environment when the first template is rendered;
only then is this module, and Jinja, imported.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from logging import Logger
from typing import Any, Protocol, TypeAlias

from jinja2 import (
    BaseLoader,
    FileSystemLoader,
    Template,
    TemplateNotFound,
    TemplatesNotFound,
)
from jinja2 import Environment as JinjaEnvironment
from jinja2.runtime import Context as JinjaContext
from jinja2.runtime import Undefined
from jinja2.utils import missing

from microquart.context import Context, context_with, conversation_context
from microquart.context import current as current_context

# How many names like the one that was sought a message tells.
SUGGESTIONS = 3

Source: TypeAlias = tuple[str, str | None, Callable[[], bool] | None]


class TemplateOwner(Protocol):
    """An application, or a blueprint, as far as it has templates."""

    @property
    def name(self) -> str: ...

    @property
    def jinja_loader(self) -> BaseLoader | None: ...


class EnvironmentApplication(TemplateOwner, Protocol):
    """What the environment asks of the application."""

    @property
    def config(self) -> Mapping[str, Any]: ...

    @property
    def logger(self) -> Logger: ...

    def iter_blueprints(self) -> Iterable[TemplateOwner]: ...

    def create_global_jinja_loader(self) -> BaseLoader: ...


def _of_session() -> object:
    ctx = conversation_context()
    return missing if ctx is None else ctx.session


def _of_request() -> object:
    ctx = context_with("request")
    return missing if ctx is None else ctx.request


def _of_websocket() -> object:
    ctx = context_with("websocket")
    return missing if ctx is None else ctx.websocket


def _of_g() -> object:
    ctx: Context | None = current_context.get(None)
    return missing if ctx is None else ctx.g


# What is current is looked up when a template names it, and not put into
# each context: who opens the session makes the page depend on the cookie.
CURRENT: Mapping[str, Callable[[], object]] = {
    "g": _of_g,
    "request": _of_request,
    "session": _of_session,
    "websocket": _of_websocket,
}


class TemplateContext(JinjaContext):
    """Knows what is current, in macros that were imported as well."""

    def resolve_or_missing(self, key: str) -> Any:
        value = super().resolve_or_missing(key)
        if value is missing and key in CURRENT:
            return CURRENT[key]()
        return value


class Environment(JinjaEnvironment):
    """Jinja's environment, async, with the templates of an application."""

    context_class = TemplateContext

    def __init__(self, app: EnvironmentApplication, **options: Any) -> None:
        if "loader" not in options:
            options["loader"] = app.create_global_jinja_loader()
        options["enable_async"] = True
        super().__init__(**options)
        self.app = app

    def select_template(
        self,
        names: Undefined | Iterable[str | Template],
        parent: str | None = None,
        globals: Any = None,
    ) -> Template:
        try:
            return super().select_template(names, parent, globals)
        except TemplatesNotFound as error:
            sought = [name for name in error.templates if name is not None]
            raise NoTemplates(sought, self.loader) from None


class DispatchingJinjaLoader(BaseLoader):
    """Seeks in the application's folder, then in those of its blueprints.

    So an application overrides a template of a blueprint by one of its own
    with the same name.
    """

    def __init__(self, app: EnvironmentApplication) -> None:
        self.app = app

    def get_source(
        self, environment: JinjaEnvironment, template: str
    ) -> Source:
        if self.app.config["EXPLAIN_TEMPLATE_LOADING"]:
            self._explain(environment, template)
        for _, loader in self.places():
            try:
                return loader.get_source(environment, template)
            except TemplateNotFound:
                continue
        raise NoTemplate(template, self)

    def list_templates(self) -> list[str]:
        names = (loader.list_templates() for _, loader in self.places())
        return sorted(set().union(*names))

    def places(self) -> Iterator[tuple[str, BaseLoader]]:
        """Yield who has templates, and the loader, in the order of seeking."""
        if self.app.jinja_loader is not None:
            yield f"application {self.app.name!r}", self.app.jinja_loader
        for blueprint in self.app.iter_blueprints():
            if blueprint.jinja_loader is not None:
                yield f"blueprint {blueprint.name!r}", blueprint.jinja_loader

    def _explain(self, environment: JinjaEnvironment, template: str) -> None:
        told = []
        for owner, loader in self.places():
            try:
                _, filename, _ = loader.get_source(environment, template)
                found = f"found: {filename or 'without a file'}"
            except TemplateNotFound:
                found = "not there"
            told.append(f"{owner}, {place(loader)}: {found}")
        self.app.logger.info(f"template {template!r}: {'; '.join(told)}")


class NoTemplate(TemplateNotFound):
    """The text is made when somebody reads it: an include may not care."""

    def __init__(self, name: str, loader: BaseLoader | None) -> None:
        super().__init__(name, name)
        self.loader = loader

    def __str__(self) -> str:
        return explain([str(self.name)], self.loader)


class NoTemplates(TemplatesNotFound):
    """None of the names of a list exists."""

    def __init__(
        self, names: Iterable[str | Undefined], loader: BaseLoader | None
    ) -> None:
        super().__init__([str(name) for name in names])
        self.loader = loader

    def __str__(self) -> str:
        return explain([str(name) for name in self.templates], self.loader)


def explain(names: list[str], loader: BaseLoader | None) -> str:
    """Say where templates were sought, and what is there of like names."""
    sought = " or ".join(repr(name) for name in names)
    if isinstance(loader, DispatchingJinjaLoader):
        places = [f"{place(one)} ({owner})" for owner, one in loader.places()]
    else:
        places = [] if loader is None else [place(loader)]
    where = ", ".join(places) or "there is no template folder"
    return f"no template {sought}; sought in {where}{_alike(names, loader)}"


def place(loader: BaseLoader) -> str:
    if isinstance(loader, FileSystemLoader):
        return ", ".join(os.fspath(path) for path in loader.searchpath)
    return f"a {type(loader).__name__}"


def _alike(names: list[str], loader: BaseLoader | None) -> str:
    try:
        known = [] if loader is None else loader.list_templates()
    except TypeError:  # a loader that cannot tell
        return ""
    alike = [
        one
        for name in names
        for one in get_close_matches(name, known, SUGGESTIONS, cutoff=0.5)
    ]
    return f"; nearest: {', '.join(dict.fromkeys(alike))}" if alike else ""
