"""What can be set from outside, with its type and what holds otherwise."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self, TypeVar, get_type_hints

PREFIX = "NOTES_"
T = TypeVar("T", int, str)

FILE = Path(__file__).parents[1] / "instance" / "notes.db"


class SettingsError(Exception):
    """A variable has a value that cannot be used."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """``database_url`` is set by ``NOTES_DATABASE_URL``, and so are all."""

    # SQLAlchemy's form; postgresql+asyncpg://user:password@host/name, too.
    database_url: str = f"sqlite+aiosqlite:///{FILE}"
    log_level: str = "INFO"
    max_body: int = 65_536  # bytes of a request; beyond: 413

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] = os.environ
    ) -> Self:
        """Read the variables that are there.

        Raises:
            SettingsError: one is of another type.
        """
        types = get_type_hints(cls)
        values = {
            field.name: _read(name, environment[name], types[field.name])
            for field in fields(cls)
            if (name := PREFIX + field.name.upper()) in environment
        }
        return cls(**values)


def _read(name: str, text: str, kind: type[T]) -> T:
    try:
        return kind(text)
    except ValueError:
        raise SettingsError(
            f"{name} is {text!r}, which is no {kind.__name__}"
        ) from None
