"""Values that JSON has no form for, and the form that we give them."""

import dataclasses
from datetime import date
from uuid import UUID

from microquart.http.dates import format_date


def to_json(value: object) -> object:
    """Return what stands for a value in JSON.

    Dates become HTTP dates, decimals and UUIDs text, dataclasses objects,
    and whatever has ``__html__`` its HTML.

    Raises:
        TypeError: there is no form for it.
    """
    if isinstance(value, date):
        return format_date(value)
    from decimal import Decimal

    if isinstance(value, (Decimal, UUID)):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    html = getattr(value, "__html__", None)
    if html is not None:
        return str(html())
    kind = type(value).__name__
    raise TypeError(f"Object of type {kind} is not JSON serializable")
