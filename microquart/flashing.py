"""Messages that wait in the session for the next page to show them."""

from collections.abc import Iterable

from microquart.context import the_conversation_context
from microquart.sessions import SessionMixin
from microquart.signals import announce, message_flashed

KEY = "_flashes"  # in the session: [[category, message], ...]


async def flash(message: str, category: str = "message") -> None:
    """Keep a message for the next call of ``get_flashed_messages``."""
    ctx = the_conversation_context("session")
    session = ctx.session
    # Set anew, as a change inside of a list is not seen.
    session[KEY] = [*session.get(KEY, []), (category, message)]
    await announce(
        message_flashed, ctx.app, message=message, category=category
    )


def get_flashed_messages(
    with_categories: bool = False, category_filter: Iterable[str] = ()
) -> list[str] | list[tuple[str, str]]:
    """Take the messages out of the session; in this request they stay.

    ``with_categories``: as pairs (category, message).
    """
    ctx = the_conversation_context("session")
    if ctx.flashes is None:
        ctx.flashes = _taken_out_of(ctx.session)
    wanted = set(category_filter)
    found = [
        (category, message)
        for category, message in ctx.flashes
        if not wanted or category in wanted
    ]
    return found if with_categories else [message for _, message in found]


def _taken_out_of(session: SessionMixin) -> list[tuple[str, str]]:
    # Without messages nothing is changed, and no cookie is set.
    if KEY not in session:
        return []
    return [(category, message) for category, message in session.pop(KEY)]
