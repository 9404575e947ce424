"""Views as classes: one object for each request, or one method each."""

from collections.abc import Callable, Collection
from typing import Any, ClassVar

from microquart.globals import current_app, request
from microquart.typing import ResponseReturnValue

http_method_funcs = frozenset(
    {"get", "post", "head", "options", "delete", "put", "trace", "patch"}
)


class View:
    """A view whose state is an object.

    ``decorators`` are applied to the function that ``as_view`` makes, the
    last one outermost.  Without ``init_every_request`` one object serves
    all requests.
    """

    decorators: ClassVar[list[Callable[..., Any]]] = []
    methods: ClassVar[Collection[str] | None] = None
    provide_automatic_options: ClassVar[bool | None] = None
    init_every_request: ClassVar[bool] = True

    async def dispatch_request(self, **kwargs: Any) -> ResponseReturnValue:
        """Answer the request; ``kwargs`` are what the rule gives."""
        raise NotImplementedError

    @classmethod
    def as_view(cls, name: str, *class_args: Any, **class_kwargs: Any) -> Any:
        """Return a view function; the arguments are the constructor's."""
        if cls.init_every_request:
            view = cls._fresh_view(class_args, class_kwargs)
        else:
            view = cls._lasting_view(class_args, class_kwargs)
        view.__name__ = name
        view.__module__ = cls.__module__
        for decorator in cls.decorators:
            view = decorator(view)
        # Of the outermost, which is what a rule asks.
        view.view_class = cls
        view.__name__ = name
        view.__doc__ = cls.__doc__
        view.__module__ = cls.__module__
        view.methods = cls.methods
        view.provide_automatic_options = cls.provide_automatic_options
        return view

    @classmethod
    def _fresh_view(cls, args: Any, kwargs: Any) -> Any:
        async def view(**values: Any) -> ResponseReturnValue:
            self = cls(*args, **kwargs)
            return await _run(self.dispatch_request, values)

        return view

    @classmethod
    def _lasting_view(cls, args: Any, kwargs: Any) -> Any:
        self = cls(*args, **kwargs)

        async def view(**values: Any) -> ResponseReturnValue:
            return await _run(self.dispatch_request, values)

        return view


class MethodView(View):
    """A view with a method for each HTTP method: ``get``, ``post``, …"""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "methods" not in vars(cls):
            bases = [getattr(base, "methods", ()) for base in cls.__bases__]
            methods = {method for names in bases for method in names or ()}
            methods |= {
                n.upper() for n in http_method_funcs if hasattr(cls, n)
            }
            if methods:
                cls.methods = methods

    async def dispatch_request(self, **kwargs: Any) -> ResponseReturnValue:
        method = request.method.lower()
        if method == "head" and not hasattr(self, "head"):
            method = "get"
        return await _run(getattr(self, method), kwargs)


async def _run(
    func: Callable[..., Any], values: dict[str, Any]
) -> ResponseReturnValue:
    result: ResponseReturnValue
    result = await current_app.ensure_async(func)(**values)
    return result
