"""The configuration: a dictionary of upper-case keys, and ways to fill it.

Whoever has computed something from the configuration keeps the ``version``
it saw, and computes again when the number has moved; so a value may be
changed at any time, and reading costs one comparison.
"""

import errno
import importlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from types import ModuleType
from typing import IO, Any, Generic, Protocol, Self, TypeVar, overload

KIB = 1024
MIB = 1024 * KIB

# Times are in seconds and sizes in bytes, unless they are timedeltas.
# None as a limit turns it off.
DEFAULT_CONFIG: Mapping[str, Any] = {
    "APPLICATION_ROOT": "/",
    "BACKGROUND_TASK_SHUTDOWN_TIMEOUT": 5,
    "BODY_TIMEOUT": 60,
    "DEBUG": None,
    "ENV": None,
    "EXPLAIN_TEMPLATE_LOADING": False,
    "MAX_CONTENT_LENGTH": 16 * MIB,
    "MAX_COOKIE_SIZE": 4093,
    # For one field, and for all text fields of a form together.
    "MAX_FORM_MEMORY_SIZE": 500_000,
    "MAX_FORM_PARTS": 1000,
    # RFC 7578 has three header fields in a part, and no reason for a long one.
    "MAX_FORM_PART_HEAD": 8 * KIB,
    "MAX_FORM_PART_LINES": 16,
    "MAX_JSON_DEPTH": 200,
    # Python's own limit of an integer (CVE-2020-10735).
    "MAX_JSON_DIGITS": 4300,
    "MAX_QUERY_PARAMETERS": 1000,
    "PERMANENT_SESSION_LIFETIME": timedelta(days=31),
    "PREFERRED_URL_SCHEME": "http",
    # Stands above PREFERRED_URL_SCHEME and is true for wss as well.
    "PREFER_SECURE_URLS": False,
    "PRESERVE_CONTEXT_ON_EXCEPTION": None,
    "PROPAGATE_EXCEPTIONS": None,
    "PROVIDE_AUTOMATIC_OPTIONS": True,
    "RESPONSE_TIMEOUT": 60,
    "SECRET_KEY": None,
    "SECRET_KEY_FALLBACKS": None,
    "SEND_FILE_MAX_AGE_DEFAULT": timedelta(hours=12),
    "SERVER_NAME": None,
    "SESSION_COOKIE_DOMAIN": None,
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_NAME": "session",
    "SESSION_COOKIE_PARTITIONED": False,
    "SESSION_COOKIE_PATH": None,
    "SESSION_COOKIE_SAMESITE": "Lax",
    # None: over https, and only there.
    "SESSION_COOKIE_SECURE": None,
    "SESSION_REFRESH_EACH_REQUEST": True,
    "TEMPLATES_AUTO_RELOAD": None,
    "TESTING": False,
    "TRAP_BAD_REQUEST_ERRORS": None,
    "TRAP_HTTP_EXCEPTIONS": False,
    "TRUSTED_HOSTS": None,
    "USE_X_SENDFILE": False,
    # None: the Origin of a handshake is absent or names our own host.
    "WEBSOCKET_ALLOWED_ORIGINS": None,
}

ENV_PREFIX = "MICROQUART"
# A program that comes from Quart keeps its environment.
FORMER_PREFIX = "QUART"

MISSING_FILE = (errno.ENOENT, errno.EISDIR, errno.ENOTDIR)

T = TypeVar("T")


class Config(dict[str, Any]):
    """The configuration of one application.

    Files are found relative to ``root_path``.  Only upper-case keys are
    loaded, so that a module may hold other names for its own use.

    >>> config = Config("/srv/app", {"DEBUG": None})
    >>> config.from_mapping(DEBUG=True, helper="ignored")
    True
    >>> config, config.version
    (<Config {'DEBUG': True}>, 1)
    """

    def __init__(
        self,
        root_path: str | os.PathLike[str],
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(defaults or {})
        self.root_path = root_path
        self.version = 0

    # -- filling it --

    def from_object(self, obj: object) -> None:
        """Load the upper-case attributes of a class, an object or a module.

        A string is the import path of one: ``"shop.settings"`` or
        ``"shop.settings:Production"``.  A dictionary has keys and no such
        attributes: that is :meth:`from_mapping`.
        """
        source = import_string(obj) if isinstance(obj, str) else obj
        self.update(
            {key: getattr(source, key) for key in dir(source) if key.isupper()}
        )

    def from_pyfile(
        self, filename: str | os.PathLike[str], silent: bool = False
    ) -> bool:
        """Run a Python file and load its upper-case names.

        ``silent`` answers False for a file that is missing.
        """
        path = os.path.join(self.root_path, filename)
        module = ModuleType("config")
        module.__file__ = path
        source = _read(path, lambda file: file.read(), silent, text=False)
        if source is None:
            return False
        exec(compile(source, path, "exec"), module.__dict__)
        self.from_object(module)
        return True

    def from_file(
        self,
        filename: str | os.PathLike[str],
        load: Callable[[IO[Any]], Mapping[str, Any]],
        silent: bool = False,
        text: bool = True,
    ) -> bool:
        """Load a file that ``load`` turns from an open file into a mapping.

        ``config.from_file("config.yaml", yaml.safe_load)``; a loader that
        wants bytes, as that of :mod:`tomllib`, is called with
        ``text=False``.
        """
        path = os.path.join(self.root_path, filename)
        mapping = _read(path, load, silent, text)
        return mapping is not None and self.from_mapping(mapping)

    def from_json(
        self, filename: str | os.PathLike[str], silent: bool = False
    ) -> bool:
        """Load a JSON file whose outermost value is an object."""
        return self.from_file(filename, json.load, silent)

    def from_toml(
        self, filename: str | os.PathLike[str], silent: bool = False
    ) -> bool:
        """Load a TOML file; its upper-case tables become dictionaries."""
        import tomllib

        return self.from_file(filename, tomllib.load, silent, text=False)

    def from_mapping(
        self, mapping: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> bool:
        """Load the upper-case keys of a mapping and of the keywords."""
        merged = {**(mapping or {}), **kwargs}
        self.update({k: v for k, v in merged.items() if k.isupper()})
        return True

    def from_envvar(self, variable_name: str, silent: bool = False) -> bool:
        """Load the Python file that an environment variable names."""
        filename = os.environ.get(variable_name)
        if filename:
            return self.from_pyfile(filename, silent)
        if silent:
            return False
        raise RuntimeError(
            f"the environment variable {variable_name!r} is not set; "
            "it should name a configuration file"
        )

    def from_prefixed_env(
        self,
        prefix: str | None = None,
        *,
        loads: Callable[[str], Any] = json.loads,
    ) -> bool:
        """Load every environment variable that begins with ``prefix_``.

        Without a prefix it is ``MICROQUART``, and ``QUART`` where that says
        nothing.  A value that ``loads`` refuses stays a string.  Double
        underscores lead into dictionaries, which are made where they are
        missing: ``MICROQUART_MAIL__PORT=25`` sets ``config["MAIL"]["PORT"]``.
        """
        prefixes = (FORMER_PREFIX, ENV_PREFIX) if prefix is None else (prefix,)
        for start in [f"{each}_" for each in prefixes]:
            for name in sorted(os.environ):
                if name.startswith(start):
                    value = _loaded(os.environ[name], loads)
                    self._set_nested(name[len(start) :].split("__"), value)
        return True

    def get_namespace(
        self,
        namespace: str,
        lowercase: bool = True,
        trim_namespace: bool = True,
    ) -> dict[str, Any]:
        """Return the options that begin with a prefix, as keywords.

        >>> config = Config("", {"MAIL_HOST": "mx", "MAIL_PORT": 25})
        >>> config.get_namespace("MAIL_")
        {'host': 'mx', 'port': 25}
        """
        start = len(namespace) if trim_namespace else 0
        found = {k[start:]: self[k] for k in self if k.startswith(namespace)}
        if lowercase:
            return {key.lower(): value for key, value in found.items()}
        return found

    def _set_nested(self, keys: list[str], value: Any) -> None:
        inner: dict[str, Any] = self
        for key in keys[:-1]:
            inner = inner.setdefault(key, {})
        inner[keys[-1]] = value
        self.version += 1

    # -- as a dictionary: every change moves the version --

    def __setitem__(self, key: str, value: Any) -> None:
        self.version += 1
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self.version += 1
        super().__delitem__(key)

    def _merge(self, other: Any, /) -> Any:
        self.update(other)
        return self

    __ior__ = _merge

    def update(self, *args: Any, **kwargs: Any) -> None:
        self.version += 1
        super().update(*args, **kwargs)

    def setdefault(self, key: str, default: Any = None) -> Any:
        self.version += 1
        return super().setdefault(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        self.version += 1
        return super().pop(key, *default)

    def popitem(self) -> tuple[str, Any]:
        self.version += 1
        return super().popitem()

    def clear(self) -> None:
        self.version += 1
        super().clear()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {super().__repr__()}>"


class Configured(Protocol):
    """Whatever has a configuration: an application."""

    @property
    def config(self) -> Config: ...


class ConfigAttribute(Generic[T]):
    """An attribute of the application that reads and sets a config key.

    ``get_converter`` is applied to what is read: a lifetime given as a
    number of seconds comes out as a timedelta.
    """

    def __init__(
        self, name: str, get_converter: Callable[[Any], T] | None = None
    ) -> None:
        self.name = name
        self.get_converter = get_converter

    @overload
    def __get__(self, obj: None, owner: type | None) -> Self: ...

    @overload
    def __get__(self, obj: Configured, owner: type | None) -> T: ...

    def __get__(
        self, obj: Configured | None, owner: type | None = None
    ) -> T | Self:
        if obj is None:
            return self
        value = obj.config[self.name]
        if self.get_converter is not None:
            return self.get_converter(value)
        found: T = value
        return found

    def __set__(self, obj: Configured, value: Any) -> None:
        obj.config[self.name] = value


# -- the environment --


def env_names(name: str) -> list[str]:
    """Return the environment variables that set an option, first wins.

    >>> env_names("APP")
    ['MICROQUART_APP', 'QUART_APP']
    """
    return [f"{ENV_PREFIX}_{name}", f"{FORMER_PREFIX}_{name}"]


def env_value(name: str) -> str | None:
    """Return what the environment says of an option; None: nothing."""
    found = (os.environ.get(variable) for variable in env_names(name))
    return next((value for value in found if value), None)


def get_debug_flag() -> bool:
    """Tell whether MICROQUART_DEBUG turns the debug mode on."""
    return _true(env_value("DEBUG"))


def get_load_dotenv(default: bool = True) -> bool:
    """Tell whether .env files are read; MICROQUART_SKIP_DOTENV forbids."""
    value = env_value("SKIP_DOTENV")
    return default if value is None else not _true(value)


def import_string(path: str) -> object:
    """Return the module, or the object in a module, that a path names.

    >>> import_string("os.path:join") is import_string("os.path.join")
    True

    Raises:
        ImportError: it does not exist; the text says how far it went.
    """
    module_name, _, attribute = path.partition(":")
    if not attribute:
        try:
            return importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            parents = set(_parents(module_name))
            if error.name not in parents or "." not in module_name:
                raise
            module_name, _, attribute = module_name.rpartition(".")
    found: object = importlib.import_module(module_name)
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise ImportError(
                f"{path!r}: {module_name} has no {name!r}"
            ) from None
    return found


# -- inside --


def _parents(module_name: str) -> Iterator[str]:
    while module_name:
        yield module_name
        module_name = module_name.rpartition(".")[0]


def _true(value: str | None) -> bool:
    return (value or "").lower() not in ("", "0", "false", "no", "off")


def _loaded(text: str, loads: Callable[[str], Any]) -> Any:
    # ValueError is what json.loads raises; another loader raises what it
    # likes, and here too the text is the value.
    try:
        return loads(text)
    except Exception:
        return text


def _read(
    path: str, load: Callable[[IO[Any]], T], silent: bool, text: bool
) -> T | None:
    try:
        with open(path, "r" if text else "rb") as file:
            return load(file)
    except OSError as error:
        if silent and error.errno in MISSING_FILE:
            return None
        error.strerror = f"cannot load the configuration ({error.strerror})"
        raise
