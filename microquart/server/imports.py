"""Which code of this process is the user's own, and not installed."""

import os
import sys
from functools import cache
from pathlib import Path

_OURS = f"{Path(__file__).parents[1]}{os.sep}"


def is_installed(path: str) -> bool:
    """Tell whether a file came with Python, or by an installer.

    >>> is_installed(os.__file__), is_installed("/home/ada/app.py")
    (True, False)
    """
    return path.startswith(_folders())


def is_users(path: str) -> bool:
    """Tell whether a file is of neither kind, and not one of ours."""
    return not path.startswith(("<", _OURS, *_folders()))


@cache
def _folders() -> tuple[str, ...]:
    import sysconfig

    names = ("stdlib", "platlib", "purelib")
    return tuple(f"{sysconfig.get_path(name)}{os.sep}" for name in names)


class Imports:
    """The files of this process's modules, without what is installed."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def added(self) -> list[str]:
        """Return those that were imported since the last call."""
        names = sys.modules.keys() - self._known
        self._known |= names
        files = (
            getattr(sys.modules[name], "__file__", None) for name in names
        )
        return [
            os.path.abspath(file)
            for file in files
            if isinstance(file, str) and not is_installed(file)
        ]
