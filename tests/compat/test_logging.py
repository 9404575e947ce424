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


@pytest.fixture
def no_handlers(quart):
    """The loggers as a program finds them that has set nothing up."""
    root = logging.getLogger()
    handlers = root.handlers[:]
    root.handlers.clear()
    yield
    root.handlers.extend(handlers)


@row("default_handler, level by debug")
def test_the_default_handler_is_used_where_there_is_none(quart, no_handlers):
    logger = logging.getLogger(f"alone_{quart.__name__}")
    logger.propagate = False  # the handlers of the tests are above it
    app = quart.Quart(logger.name)
    assert app.logger.handlers
    handler = quart.logging.default_handler
    assert isinstance(handler, logging.StreamHandler)


@row("default_handler, level by debug")
def test_no_handler_is_added_where_there_is_one(quart, no_handlers):
    logger = logging.getLogger(f"with_{quart.__name__}")
    handler = logging.NullHandler()
    logger.addHandler(handler)
    logger.propagate = False
    assert handler in quart.Quart(logger.name).logger.handlers


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
