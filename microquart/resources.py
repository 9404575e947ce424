"""Where the files of a program are, by the name of its module."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio

from microquart.typing import FilePath

READ_MODES = ("r", "rt", "rb")


async def open_to_read(
    folder: str, path: FilePath, mode: str
) -> "anyio.AsyncFile[Any]":
    if mode not in READ_MODES:
        raise ValueError(
            f"resources can only be read: mode {mode!r} is none of "
            + ", ".join(READ_MODES)
        )
    where = anyio.Path(folder, os.fsdecode(path))
    return await (where.open("rb") if mode == "rb" else where.open("r"))


def get_root_path(import_name: str) -> str:
    """Return the directory of a module or package; at worst the current."""
    module = sys.modules.get(import_name)
    file: str | None = getattr(module, "__file__", None)
    if file is not None:
        return os.path.dirname(os.path.abspath(file))
    try:
        spec = find_spec(import_name)
    except (ImportError, ValueError):
        return os.getcwd()
    if spec is None:
        return os.getcwd()
    if spec.origin is not None and os.path.isfile(spec.origin):
        return os.path.dirname(os.path.abspath(spec.origin))
    raise RuntimeError(
        f"no root path can be found for {import_name!r}: it may be a "
        "namespace package; pass root_path"
    )


def find_package(import_name: str) -> tuple[str | None, str]:
    """Return the prefix that a package is installed in, and its folder.

    The prefix is None if the package is not installed.
    """
    folder = _folder_of(import_name)
    prefix = os.path.abspath(sys.prefix)
    if Path(folder).is_relative_to(prefix):
        return prefix, folder
    parent, last = os.path.split(folder)
    if last.lower() == "site-packages":
        return _prefix_above(parent), folder
    return None, folder


def _folder_of(import_name: str) -> str:
    root, _, _ = import_name.partition(".")
    try:
        spec = find_spec(root)
    except (ImportError, ValueError):
        return os.getcwd()
    if spec is None:
        return os.getcwd()
    if spec.submodule_search_locations:
        return os.path.dirname(next(iter(spec.submodule_search_locations)))
    return os.path.dirname(os.path.abspath(spec.origin or "."))


def _prefix_above(site_parent: str) -> str:
    """Return what is above ``lib/python3.11``, or above ``Lib``."""
    parent, last = os.path.split(site_parent)
    if last.lower() == "lib":
        return parent
    if os.path.basename(parent).lower() == "lib":
        return os.path.dirname(parent)
    return site_parent
