"""quart-babel: locales, formats, time zones, translations, templates."""

import asyncio
import tempfile
from datetime import date, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from quart import Quart, render_template_string, request
from quart_babel import (
    Babel,
    force_locale,
    format_currency,
    format_date,
    format_datetime,
    format_decimal,
    get_locale,
    get_timezone,
    gettext,
    lazy_gettext,
    ngettext,
    refresh,
)

FOLDER = tempfile.TemporaryDirectory()
GERMAN = Path(FOLDER.name) / "de" / "LC_MESSAGES"
GERMAN.mkdir(parents=True)
catalog = Catalog(locale="de")
catalog.add("Hello %(name)s", "Hallo %(name)s")
catalog.add("Yes", "Ja")
catalog.add(
    ("%(num)d note", "%(num)d notes"), ("%(num)d Notiz", "%(num)d Notizen")
)
with (GERMAN / "messages.mo").open("wb") as file:
    write_mo(file, catalog)

app = Quart(__name__)
YES = lazy_gettext("Yes")


def locale():
    return request.accept_languages.best_match(["de", "en"])


def timezone():
    return request.args.get("zone")


babel = Babel(
    app,
    default_translation_directories=FOLDER.name,
    locale_selector=locale,
    timezone_selector=timezone,
)

WHEN = datetime(2026, 11, 24, 12, 30)


@app.get("/")
async def index():
    answer = {
        "locale": str(get_locale()),
        "zone": str(get_timezone()),
        "hello": gettext("Hello %(name)s", name="Ada"),
        "lazy": str(YES),
        "many": [ngettext("%(num)d note", "%(num)d notes", n) for n in (1, 2)],
        "date": format_date(date(2026, 11, 24)),
        "when": format_datetime(WHEN),
        "number": format_decimal(1234567.891),
        "money": format_currency(9.9, "EUR"),
        "all": sorted(map(str, babel.list_translations())),
    }
    with force_locale("de_AT"):
        answer["forced"] = format_currency(9.9, "EUR")
    refresh()
    answer["after"] = str(get_locale())
    return answer


@app.get("/page")
async def page():
    return await render_template_string(
        "{{ _('Hello %(name)s', name='<b>') }} {{ when|datetimeformat }}"
        " {% trans %}Yes{% endtrans %} {{ 0.25|percentformat }}",
        when=WHEN,
    )


async def main():
    client = app.test_client()
    for language in ("en", "de;q=0.9, en;q=0.8", "fr"):
        headers = {"Accept-Language": language}
        for path in ("/", "/?zone=Europe/Vienna", "/page"):
            response = await client.get(path, headers=headers)
            print(path, ascii(await response.get_data(as_text=True)))
    async with app.app_context():
        print(babel.default_locale, babel.default_timezone)


asyncio.run(main())
FOLDER.cleanup()
