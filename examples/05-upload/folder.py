"""The folder of uploads: a file is there when all of it is."""

import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from anyio import AsyncFile, open_file, to_thread

NAME = re.compile(r"[\w-][\w. -]*").fullmatch
LONGEST = 200  # bytes of a name; a file system takes 255
PART = ".part"  # how a name ends while the file comes in


class BadName(ValueError):
    """A name that could hurt: with a slash, with a dot in front, too long."""


class Folder:
    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path

    @asynccontextmanager
    async def receiving(self, name: str) -> AsyncIterator[AsyncFile[bytes]]:
        """Give a file to be written; after the block it has its name.

        Whatever ends the block before its end, a client who leaves too,
        leaves nothing behind.

        Raises:
            BadName: it is none for a file.
        """
        too_long = len(name.encode()) > LONGEST
        if too_long or not NAME(name) or name.endswith(PART):
            raise BadName(name)
        part = self.path / f"{name}.{secrets.token_hex(4)}{PART}"
        try:
            async with await open_file(part, "xb") as file:
                yield file
            part.replace(self.path / name)
        finally:
            part.unlink(missing_ok=True)

    async def listed(self) -> list[dict[str, Any]]:
        """Say what is there and, with ``coming``, what is on its way."""
        return await to_thread.run_sync(self._listed)

    def _listed(self) -> list[dict[str, Any]]:
        found = []
        for path in sorted(self.path.iterdir()):
            name, coming = path.name, path.name.endswith(PART)
            if coming:
                name = name.removesuffix(PART).rpartition(".")[0]
            try:
                size = path.stat().st_size
            except FileNotFoundError:  # it has just got its name
                continue
            found.append({"name": name, "bytes": size, "coming": coming})
        return found
