"""How to test rules: paths that fit, paths that do not, URLs that are made."""

from datetime import date

import pytest

from microquart import url_for


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/days/2026-11-24", 200),
        ("/days/2024-02-29", 200),
        ("/days/2026-02-29", 404),
        ("/days/26-11-24", 404),
        ("/days/2026-11-24/", 404),
        ("/weeks/2026-W53", 200),
        ("/weeks/2025-W53", 404),
        ("/months/12", 200),
        ("/months/13", 404),
    ],
)
async def test_only_what_is_in_the_calendar_is_found(client, path, status):
    assert (await client.get(path)).status_code == status


async def test_each_link_leads_somewhere(client):
    day = await (await client.get("/days/2026-01-01")).get_json()
    assert day["week"] == "/weeks/2026-W01"
    week = await (await client.get(day["week"])).get_json()
    assert week["days"][0] == "/days/2025-12-29"
    for path in week["days"]:
        assert (await client.get(path)).status_code == 200


async def test_a_url_is_made_from_the_rule(app):
    async with app.test_request_context("/", headers={"host": "cal.example"}):
        day = date(2026, 11, 24)
        assert url_for("show_day", day=day) == "/days/2026-11-24"
        whole = url_for("show_day", day=day, _external=True)
        assert whole == "http://cal.example/days/2026-11-24"


async def test_the_first_page_is_today(client):
    response = await client.get("/")
    assert response.status_code == 302
    assert response.location.startswith("/days/")


async def test_another_method_is_told_those_that_are_allowed(client):
    response = await client.post("/days/2026-11-24")
    assert response.status_code == 405
    assert set(response.allow) == {"GET", "HEAD", "OPTIONS", "PUT"}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/days/2026-02-30", "DayConverter refuses '2026-02-30'"),
        ("/days/2026-11-24/", "extra slash"),
    ],
)
async def test_in_development_a_404_says_why(app, client, path, reason):
    app.debug = True
    response = await client.get(path)
    assert reason in await response.get_data(as_text=True)
