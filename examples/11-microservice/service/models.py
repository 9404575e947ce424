"""The tables."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

TITLE = 200  # characters


def now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(TITLE))
    text: Mapped[str] = mapped_column(Text)
    changed: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), default=now, onupdate=now
    )

    def as_json(self) -> dict[str, Any]:
        # SQLite keeps no time zone; what is kept is UTC.
        changed = self.changed.replace(tzinfo=self.changed.tzinfo or UTC)
        return {
            "id": self.id,
            "title": self.title,
            "text": self.text,
            "changed": changed.isoformat(),
        }
