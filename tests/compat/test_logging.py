"""The application's log."""

import logging

import pytest

row = pytest.mark.row
differs = pytest.mark.differs


@row("default_handler, level by debug")
@pytest.mark.parametrize(
    ("debug", "level"), [(True, logging.DEBUG), (False, logging.NOTSET)]
)
def test_the_level_depends_on_debug(quart, debug, level):
    app = quart.Quart(f"app_{debug}")
    app.debug = debug
    assert app.logger.level == level


@row("default_handler, level by debug")
def test_the_default_handler_is_used_where_there_is_none(quart):
    handlers = logging.getLogger().handlers[:]
    logging.getLogger().handlers.clear()
    try:
        app = quart.Quart("app_alone")
        assert quart.logging.default_handler in app.logger.handlers
    finally:
        logging.getLogger().handlers.extend(handlers)


@row("default_handler, level by debug")
def test_no_handler_is_added_where_there_is_one(quart):
    logger = logging.getLogger("app_with")
    handler = logging.NullHandler()
    logger.addHandler(handler)
    assert quart.Quart("app_with").logger.handlers == [handler]


@row("exceptions logged with the request")
@pytest.mark.parametrize(
    ("method", "words"), [("GET", "GET /a"), ("POST", "POST /a")]
)
async def test_an_error_is_logged_with_its_request(
    app, client, caplog, method, words
):
    async def fails():
        raise KeyError("x")

    app.add_url_rule("/a", "fails", fails, methods=["GET", "POST"])
    await client.open("/a", method=method)
    assert words in caplog.text
    assert "KeyError" in caplog.text
