"""``import quart`` gives microquart, so that Quart's extensions run with it.

An extension says ``from quart import current_app`` and means the framework of
its program.  A finder in front of Python's own answers for ``quart`` and all
below it with the modules of this package, which are not loaded again.

Extensions also know Werkzeug, of which Quart is made and this package is not:
they raise its exceptions, which an application here answers as its own, and
they ask with ``isinstance`` for its classes.  For that our converters and
exceptions get those of Werkzeug as a further ancestor, behind ours.
"""

import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution, DistributionFinder
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

PACKAGE = __name__.partition(".")[0]
VERSION = "0.22.0"  # of Quart, whose names these are

ANCESTORS = {
    "exceptions": "werkzeug.exceptions",
    "routing.converters": "werkzeug.routing.converters",
}


def install_as_quart() -> None:
    """Have ``import quart`` give microquart from now on, in this process.

    ::

        import microquart

        microquart.install_as_quart()

        from quart_auth import QuartAuth

    Raises:
        RuntimeError: Quart itself has been imported.
    """
    if any(isinstance(finder, QuartFinder) for finder in sys.meta_path):
        return
    real = sys.modules.get("quart")
    if real is not None:
        raise RuntimeError(
            f"quart is imported already, from {real.__file__}: call "
            "microquart.install_as_quart() before the first import of quart "
            "or of an extension"
        )
    sys.meta_path.insert(0, QuartFinder())
    if find_spec("werkzeug") is not None:
        for ours, theirs in ANCESTORS.items():
            descend(import_module(f"{PACKAGE}.{ours}"), import_module(theirs))


class QuartFinder:
    """Finds our modules under Quart's names."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        top, dot, rest = fullname.partition(".")
        if top != "quart":
            return None
        name = PACKAGE + dot + rest
        if find_spec(name) is None:
            # The next finders look in our folder, and find nothing either.
            return None
        return ModuleSpec(fullname, SameModule(name))

    def find_distributions(
        self, context: DistributionFinder.Context
    ) -> Iterable[Distribution]:
        """Find what ``importlib.metadata.version("quart")`` asks for."""
        if context.name is None or context.name.lower() == "quart":
            yield QuartDistribution()


class SameModule(Loader):
    """Loads a module by importing it under its own name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        # The import system takes what stands here for the module.
        sys.modules[module.__name__] = import_module(self.name)


class QuartDistribution(Distribution):
    """What an installed Quart would tell of itself."""

    def read_text(self, filename: str) -> str | None:
        if filename != "METADATA":
            return None
        return f"Metadata-Version: 2.1\nName: Quart\nVersion: {VERSION}\n"

    def locate_file(self, path: object) -> Path:
        return Path(__file__).with_name(str(path))


def descend(ours: ModuleType, theirs: ModuleType) -> None:
    """Make each class of ours a subclass of Werkzeug's of that name, too."""
    for name, kind in vars(ours).items():
        ancestor = getattr(theirs, name, None)
        if not isinstance(kind, type) or not isinstance(ancestor, type):
            continue
        nearest, *others = kind.__bases__
        # Python cannot change a class whose nearest ancestor is built in.
        if nearest.__module__.startswith(PACKAGE):
            type.__setattr__(kind, "__bases__", (nearest, ancestor, *others))
