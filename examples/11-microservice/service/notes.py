"""Notes: to be listed, read, added, changed and removed."""

from dataclasses import dataclass
from typing import Any, Self, TypeGuard, TypeVar

from sqlalchemy import delete, select, update

from microquart import Blueprint, Response, current_app, request, url_for
from microquart.exceptions import NotFound
from service.database import transaction
from service.models import TITLE, Note
from service.problems import Invalid

PAGE = 20  # notes of a list, unless told otherwise
MOST = 100
LAST = 2**31 - 1  # the column has no larger numbers
ID = f"<int(max={LAST}):id>"

T = TypeVar("T")
_MEMBERS = {"title", "text"}

blueprint = Blueprint("notes", __name__, url_prefix="/notes")


@dataclass(frozen=True)
class Draft:
    """A note as a client writes it."""

    title: str
    text: str

    @classmethod
    def parse(cls, data: object) -> Self:
        """Check what was in the body.

        Raises:
            Invalid: it is no note; says all that is wrong at once.
        """
        if not isinstance(data, dict):
            raise Invalid({"": "must be an object"})
        title, text = data.get("title"), data.get("text", "")
        errors = {
            f"/{name}": "is not known" for name in data.keys() - _MEMBERS
        }
        if not is_text(title) or not 0 < len(title) <= TITLE:
            errors["/title"] = f"must be text of 1 to {TITLE} characters"
        if not is_text(text):
            errors["/text"] = "must be text"
        if errors:
            raise Invalid(errors)
        return cls(title=str(title), text=str(text))


def is_text(value: object) -> TypeGuard[str]:
    """Tell whether a database can keep it: JSON has stranger strings."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def between(least: int, value: int, most: int) -> int:
    return max(least, min(value, most))


@blueprint.get("")
async def index() -> dict[str, Any]:
    """A page of notes; ``next`` leads to the one after it."""
    after = between(0, request.args.get("after", 0, type=int), LAST)
    limit = between(1, request.args.get("limit", PAGE, type=int), MOST)
    query = select(Note).where(Note.id > after).order_by(Note.id)
    async with transaction() as session:
        notes = (await session.scalars(query.limit(limit))).all()
    page: dict[str, Any] = {"notes": [note.as_json() for note in notes]}
    if len(notes) == limit:
        page["next"] = url_for(".index", after=notes[-1].id, limit=limit)
    return page


@blueprint.get(f"/{ID}")
async def show(id: int) -> dict[str, Any]:
    async with transaction() as session:
        return _there(await session.get(Note, id)).as_json()


@blueprint.post("")
async def add() -> tuple[dict[str, Any], int, dict[str, str]]:
    draft = Draft.parse(await request.get_json())
    note = Note(title=draft.title, text=draft.text)
    # A change is finished, even if nobody waits for the answer any more.
    async with request.shield(), transaction() as session:
        session.add(note)
    current_app.logger.info("note %d is added", note.id)
    return note.as_json(), 201, {"location": url_for(".show", id=note.id)}


@blueprint.put(f"/{ID}")
async def change(id: int) -> dict[str, Any]:
    draft = Draft.parse(await request.get_json())
    command = (
        update(Note)
        .where(Note.id == id)
        .values(title=draft.title, text=draft.text)
        .returning(Note)
    )
    async with request.shield(), transaction() as session:
        return _there(await session.scalar(command)).as_json()


@blueprint.delete(f"/{ID}")
async def remove(id: int) -> Response:
    command = delete(Note).where(Note.id == id).returning(Note.id)
    async with request.shield(), transaction() as session:
        _there(await session.scalar(command))
    current_app.logger.info("note %d is removed", id)
    return Response(status=204)


def _there(found: T | None) -> T:
    if found is None:
        raise NotFound("There is no such note.")
    return found
