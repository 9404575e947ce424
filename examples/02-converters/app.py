"""Rules that only some paths fit, and URLs that are made from the rules."""

from datetime import date, timedelta
from typing import Any

from microquart import Quart, Response, redirect, url_for
from microquart.routing import BaseConverter, ValidationError


class DayConverter(BaseConverter):
    """A day in a path: 2026-11-24.

    What the expression does not fit, and what ``to_python`` refuses, is
    another rule's or nobody's: 404.
    """

    regex = r"[12]\d{3}-\d\d-\d\d"

    def to_python(self, value: str) -> date:
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValidationError(f"{value} is in no calendar") from None

    def to_url(self, value: date) -> str:
        return value.isoformat()


class WeekConverter(DayConverter):
    """A week of ISO 8601 in a path, 2026-W48; its Monday in a view."""

    regex = r"[12]\d{3}-W\d\d"

    def to_url(self, value: date) -> str:
        year, week, _ = value.isocalendar()
        return f"{year:04}-W{week:02}"


app = Quart(__name__)
app.url_map.converters |= {"day": DayConverter, "week": WeekConverter}


@app.get("/")
async def today() -> Response:
    return redirect(url_for("show_day", day=date.today()))


@app.get("/days/<day:day>")
async def show_day(day: date) -> dict[str, Any]:
    """A view gets a date, and ``url_for`` takes one."""
    return {
        "day": f"{day:%A}, {day.isoformat()}",
        "week": url_for("show_week", monday=day),
        "whole_url": url_for("show_day", day=day, _external=True),
    }


@app.put("/days/<day:day>")
async def write_day(day: date) -> tuple[str, int]:
    """The same path with another method; a third one is answered 405."""
    return "", 204


@app.get("/weeks/<week:monday>")
async def show_week(monday: date) -> dict[str, list[str]]:
    days = [monday + timedelta(days=number) for number in range(7)]
    return {"days": [url_for("show_day", day=day) for day in days]}


@app.get("/months/<int(min=1, max=12):month>")
async def show_month(month: int) -> dict[str, str]:
    """A converter can have arguments: the thirteenth month is not found."""
    return {"month": f"{date(2000, month, 1):%B}"}
