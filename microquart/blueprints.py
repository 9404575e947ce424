"""Blueprints: a part of an application, to be registered, and again.

A blueprint records what is done to it, and does it to the application when
it is registered there, each time under another name.  Blueprints may hold
blueprints.
"""

from collections.abc import Callable, Mapping
from functools import cached_property, update_wrapper
from typing import Any, TypeAlias, TypeVar

from microquart.scaffold import (
    ErrorSpec,
    F,
    Registry,
    Scaffold,
    T_after_request,
    T_after_websocket,
    T_before_request,
    T_before_websocket,
    T_context_processor,
    T_error_handler,
    T_teardown,
    T_url_defaults,
    T_url_value_preprocessor,
    ViewCallable,
    below,
    endpoint_of,
    merge,
    setupmethod,
)
from microquart.typing import (
    AfterServingCallable,
    BeforeServingCallable,
    FilePath,
    TemplateFilterCallable,
    TemplateGlobalCallable,
    TemplateTestCallable,
    WhileServingCallable,
)

T_after_serving = TypeVar("T_after_serving", bound=AfterServingCallable)
T_before_serving = TypeVar("T_before_serving", bound=BeforeServingCallable)
T_while_serving = TypeVar("T_while_serving", bound=WhileServingCallable)
T_template_filter = TypeVar("T_template_filter", bound=TemplateFilterCallable)
T_template_global = TypeVar("T_template_global", bound=TemplateGlobalCallable)
T_template_test = TypeVar("T_template_test", bound=TemplateTestCallable)

# What is left to do when the blueprint is registered.
Deferred: TypeAlias = Callable[["BlueprintSetupState"], object]

# Stands for the default of cli_group, as None means the application's own.
_sentinel: Any = object()


class BlueprintSetupState:
    """One registration: where, under which name, below which prefix."""

    def __init__(
        self,
        blueprint: "Blueprint",
        app: Any,
        options: Mapping[str, Any],
        first_registration: bool,
    ) -> None:
        self.app = app
        self.blueprint = blueprint
        self.options = options
        self.first_registration = first_registration
        self.subdomain: str | None = options.get("subdomain")
        if self.subdomain is None:
            self.subdomain = blueprint.subdomain
        self.url_prefix: str | None = options.get("url_prefix")
        if self.url_prefix is None:
            self.url_prefix = blueprint.url_prefix
        self.name: str = options.get("name", blueprint.name)
        self.name_prefix: str = options.get("name_prefix", "")
        self.url_defaults = {
            **blueprint.url_values_defaults,
            **(options.get("url_defaults") or {}),
        }

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: ViewCallable | None = None,
        **options: Any,
    ) -> None:
        """Add a rule to the application, below this prefix and name."""
        if self.url_prefix is not None:
            rule = joined(self.url_prefix, rule) if rule else self.url_prefix
        options.setdefault("subdomain", self.subdomain)
        endpoint = endpoint or endpoint_of(view_func)
        defaults = {
            **self.url_defaults,
            **(options.pop("defaults", None) or {}),
        }
        self.app.add_url_rule(
            rule,
            f"{self.name_prefix}.{self.name}.{endpoint}".lstrip("."),
            view_func,
            defaults=defaults,
            **options,
        )


class Blueprint(Scaffold):
    """Routes, hooks and files that an application takes up together.

    ``name`` is the first part of its endpoints.  ``cli_group`` is the group
    that its commands are in: None, the application's own.
    """

    _got_registered_once = False

    def __init__(
        self,
        name: str,
        import_name: str,
        static_folder: FilePath | None = None,
        static_url_path: str | None = None,
        template_folder: FilePath | None = None,
        url_prefix: str | None = None,
        subdomain: str | None = None,
        url_defaults: dict[str, Any] | None = None,
        root_path: str | None = None,
        cli_group: str | None = _sentinel,
    ) -> None:
        super().__init__(
            import_name,
            static_folder,
            static_url_path,
            template_folder,
            root_path,
        )
        if not name:
            raise ValueError("'name' may not be empty.")
        if "." in name:
            raise ValueError("'name' may not contain a dot '.' character.")
        self.name = name
        self.url_prefix = url_prefix
        self.subdomain = subdomain
        self.url_values_defaults = url_defaults or {}
        self.cli_group = cli_group
        self.deferred_functions: list[Deferred] = []
        self._blueprints: list[tuple[Blueprint, dict[str, Any]]] = []

    def _check_setup_finished(self, f_name: str) -> None:
        if self._got_registered_once:
            raise AssertionError(
                f"The setup method '{f_name}' can no longer be called on the "
                f"blueprint '{self.name}'. It has already been registered at "
                "least once, any changes will not be applied consistently.\n"
                "Make sure all imports, decorators, functions, etc. needed to "
                "set up the blueprint are done before registering it."
            )

    @cached_property
    def cli(self) -> Any:
        """The group for the blueprint's commands; it brings click in."""
        from microquart.commands import AppGroup

        return AppGroup(self.name)

    # -- recording --

    @setupmethod
    def record(self, func: Deferred) -> None:
        """Call ``func`` with the state at each registration."""
        self.deferred_functions.append(func)

    @setupmethod
    def record_once(self, func: Deferred) -> None:
        """Call ``func`` with the state at the first registration only."""

        def once(state: BlueprintSetupState) -> None:
            if state.first_registration:
                func(state)

        self.record(update_wrapper(once, func))

    @setupmethod
    def add_url_rule(
        self,
        /,
        rule: str,
        endpoint: str | None = None,
        view_func: ViewCallable | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Do what the decorators do, without one."""
        if endpoint and "." in endpoint:
            raise ValueError("'endpoint' may not contain a dot '.' character.")
        if "." in getattr(view_func, "__name__", ""):
            raise ValueError(
                "'view_func' name may not contain a dot '.' character."
            )
        self.record(
            lambda state: state.add_url_rule(
                rule,
                endpoint,
                view_func,
                provide_automatic_options=provide_automatic_options,
                **options,
            )
        )

    @setupmethod
    def register_blueprint(
        self, /, blueprint: "Blueprint", **options: Any
    ) -> None:
        """Put a blueprint below this one; the options are an application's."""
        if blueprint is self:
            raise ValueError("Cannot register a blueprint on itself")
        self._blueprints.append((blueprint, options))

    # -- registering --

    def make_setup_state(
        self,
        app: Any,
        options: Mapping[str, Any],
        first_registration: bool = False,
    ) -> BlueprintSetupState:
        """Return what ``record``'s functions get; override it to give more."""
        return BlueprintSetupState(self, app, options, first_registration)

    def register(self, app: Any, options: dict[str, Any]) -> None:
        """Do to the application all that was recorded.

        Raises:
            ValueError: its name is taken there; ``name=`` gives another.
        """
        own_name = options.get("name", self.name)
        name = f"{options.get('name_prefix', '')}.{own_name}".lstrip(".")
        if name in app.blueprints:
            self._refuse(app, name, own_name)
        first = not any(one is self for one in app.blueprints.values())
        app.blueprints[name] = self
        self._got_registered_once = True
        state = self.make_setup_state(app, options, first)
        if self.has_static_folder:
            state.add_url_rule(
                f"{self.static_url_path}/<path:filename>",
                "static",
                self.send_static_file,
            )
        self._merge_blueprint_funcs(app, name)
        for deferred in self.deferred_functions:
            deferred(state)
        self._add_commands(app, name, options)
        for blueprint, its_options in self._blueprints:
            blueprint.register(
                app, nested_options(state, name, blueprint, its_options)
            )

    def _refuse(self, app: Any, name: str, own_name: str) -> None:
        which = "this" if app.blueprints[name] is self else "a different"
        at = "" if own_name == name else f" '{name}'"
        raise ValueError(
            f"The name '{own_name}' is already registered for {which} "
            f"blueprint{at}. Use 'name=' to provide a unique name."
        )

    def _add_commands(
        self, app: Any, name: str, options: Mapping[str, Any]
    ) -> None:
        # Nobody has asked for cli: then there is nothing in it.
        if "cli" not in vars(self) or not self.cli.commands:
            return
        group = options.get("cli_group", self.cli_group)
        if group is None:
            app.cli.commands.update(self.cli.commands)
        else:
            self.cli.name = name if group is _sentinel else group
            app.cli.add_command(self.cli)

    def _merge_blueprint_funcs(self, app: Any, name: str) -> None:
        for key, by_code in self.error_handler_spec.items():
            theirs: ErrorSpec = app.error_handler_spec
            for code, handlers in by_code.items():
                theirs[below(name, key)][code].update(handlers)
        app.view_functions.update(self.view_functions)
        for registry in REGISTRIES:
            mine: Registry[Any] = getattr(self, registry)
            merge(name, mine, getattr(app, registry))

    # -- what concerns the whole application --

    @setupmethod
    def before_app_request(self, func: T_before_request) -> T_before_request:
        """Do as ``app.before_request``."""
        return self._once(func, "before_request")

    @setupmethod
    def after_app_request(self, func: T_after_request) -> T_after_request:
        """Do as ``app.after_request``."""
        return self._once(func, "after_request")

    @setupmethod
    def teardown_app_request(self, func: T_teardown) -> T_teardown:
        """Do as ``app.teardown_request``."""
        return self._once(func, "teardown_request")

    @setupmethod
    def before_app_websocket(
        self, func: T_before_websocket
    ) -> T_before_websocket:
        """Do as ``app.before_websocket``."""
        return self._once(func, "before_websocket")

    @setupmethod
    def after_app_websocket(
        self, func: T_after_websocket
    ) -> T_after_websocket:
        """Do as ``app.after_websocket``."""
        return self._once(func, "after_websocket")

    @setupmethod
    def teardown_app_websocket(self, func: T_teardown) -> T_teardown:
        """Do as ``app.teardown_websocket``."""
        return self._once(func, "teardown_websocket")

    @setupmethod
    def before_app_serving(self, func: T_before_serving) -> T_before_serving:
        """Do as ``app.before_serving``."""
        return self._once(func, "before_serving")

    @setupmethod
    def after_app_serving(self, func: T_after_serving) -> T_after_serving:
        """Do as ``app.after_serving``."""
        return self._once(func, "after_serving")

    @setupmethod
    def while_app_serving(self, func: T_while_serving) -> T_while_serving:
        """Do as ``app.while_serving``."""
        return self._once(func, "while_serving")

    @setupmethod
    def app_context_processor(
        self, func: T_context_processor
    ) -> T_context_processor:
        """Do as ``app.context_processor``."""
        return self._once(func, "context_processor")

    @setupmethod
    def app_url_value_preprocessor(
        self, func: T_url_value_preprocessor
    ) -> T_url_value_preprocessor:
        """Do as ``app.url_value_preprocessor``."""
        return self._once(func, "url_value_preprocessor")

    @setupmethod
    def app_url_defaults(self, func: T_url_defaults) -> T_url_defaults:
        """Do as ``app.url_defaults``."""
        return self._once(func, "url_defaults")

    @setupmethod
    def app_errorhandler(
        self, code: type[Exception] | int
    ) -> Callable[[T_error_handler], T_error_handler]:
        """Do as ``app.errorhandler``."""

        def decorator(func: T_error_handler) -> T_error_handler:
            self.record_once(
                lambda state: state.app.register_error_handler(code, func)
            )
            return func

        return decorator

    def _once(self, func: F, method: str) -> F:
        self.record_once(lambda state: getattr(state.app, method)(func))
        return func

    # -- templates --

    @setupmethod
    def app_template_filter(
        self, name: str | None = None
    ) -> Callable[[T_template_filter], T_template_filter]:
        """Do as ``app.template_filter``."""

        def decorator(func: T_template_filter) -> T_template_filter:
            self.add_app_template_filter(func, name)
            return func

        return decorator

    @setupmethod
    def add_app_template_filter(
        self, f: TemplateFilterCallable, name: str | None = None
    ) -> None:
        """Do as ``app.add_template_filter``."""
        self.record_once(lambda state: state.app.add_template_filter(f, name))

    @setupmethod
    def app_template_test(
        self, name: str | None = None
    ) -> Callable[[T_template_test], T_template_test]:
        """Do as ``app.template_test``."""

        def decorator(func: T_template_test) -> T_template_test:
            self.add_app_template_test(func, name)
            return func

        return decorator

    @setupmethod
    def add_app_template_test(
        self, f: TemplateTestCallable, name: str | None = None
    ) -> None:
        """Do as ``app.add_template_test``."""
        self.record_once(lambda state: state.app.add_template_test(f, name))

    @setupmethod
    def app_template_global(
        self, name: str | None = None
    ) -> Callable[[T_template_global], T_template_global]:
        """Do as ``app.template_global``."""

        def decorator(func: T_template_global) -> T_template_global:
            self.add_app_template_global(func, name)
            return func

        return decorator

    @setupmethod
    def add_app_template_global(
        self, f: TemplateGlobalCallable, name: str | None = None
    ) -> None:
        """Do as ``app.add_template_global``."""
        self.record_once(lambda state: state.app.add_template_global(f, name))


# What an application takes over from a blueprint, besides its rules.
REGISTRIES = (
    "before_request_funcs",
    "after_request_funcs",
    "teardown_request_funcs",
    "before_websocket_funcs",
    "after_websocket_funcs",
    "teardown_websocket_funcs",
    "template_context_processors",
    "url_value_preprocessors",
    "url_default_functions",
)


def joined(prefix: str, rule: str) -> str:
    """Put a rule below a prefix, with one slash between.

    >>> joined("/shop/", "/cart"), joined("/shop", "cart")
    ('/shop/cart', '/shop/cart')
    """
    return f"{prefix.rstrip('/')}/{rule.lstrip('/')}"


def nested_options(
    state: BlueprintSetupState,
    name: str,
    blueprint: Blueprint,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the options of a blueprint below another that is registered."""
    prefix: str | None = options.get("url_prefix")
    if prefix is None:
        prefix = blueprint.url_prefix
    subdomain: str | None = options.get("subdomain")
    if subdomain is None:
        subdomain = blueprint.subdomain
    nested = {**options, "name_prefix": name}
    if state.url_prefix is not None and prefix is not None:
        nested["url_prefix"] = joined(state.url_prefix, prefix)
    elif state.url_prefix is not None or prefix is not None:
        nested["url_prefix"] = prefix or state.url_prefix
    if state.subdomain is not None and subdomain is not None:
        nested["subdomain"] = f"{subdomain}.{state.subdomain}"
    elif state.subdomain is not None or subdomain is not None:
        nested["subdomain"] = subdomain or state.subdomain
    return nested
