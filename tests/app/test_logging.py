"""The log: who writes, and that a client cannot write lines of its own."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from microquart.logging import (
    create_logger,
    default_handler,
    escape,
    has_level_handler,
)


class Application:
    def __init__(self, name: str, debug: bool = False) -> None:
        self.name = name
        self.debug = debug


@contextmanager
def quiet() -> Iterator[logging.Logger]:
    """Have nobody write for the loggers below this one.

    It is no fixture, because pytest gives handlers of its own to the loggers
    that do not propagate when a test begins.
    """
    logger = logging.getLogger("quiet")
    logger.propagate = False
    yield logger
    logger.handlers.clear()
    logger.propagate = True


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, tab\t and é", "plain, tab\t and é"),
        ("a\nb", "a\\nb"),
        ("a\r\nb", "a\\r\\nb"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x00\x7f\x9b", "\\x00\\x7f\\x9b"),
        ("line\u2028end", "line\\u2028end"),
        ("back\\slash", "back\\slash"),
    ],
)
def test_control_characters_are_escaped(text: str, expected: str) -> None:
    assert escape(text) == expected


def test_the_logger_writes_to_the_standard_error_of_the_moment(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with quiet():
        logger = create_logger(Application("quiet.app_1"))
        logger.error("user %s", "a\n[x] INFO all is well")
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "ERROR in test_logging: user a\\n[x] INFO all is well" in line


def test_a_traceback_keeps_its_lines_but_no_other_controls(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with quiet():
        logger = create_logger(Application("quiet.app_2"))
        try:
            raise ValueError("\x1b[2J")
        except ValueError:
            logger.exception("failed")
    written = capsys.readouterr().err
    assert "Traceback" in written
    assert 'File "' in written
    assert "ValueError: \\x1b[2J" in written


@pytest.mark.parametrize(
    ("debug", "level"), [(True, logging.DEBUG), (False, 0)]
)
def test_debug_mode_sets_the_level(debug: bool, level: int) -> None:
    app = Application(f"quiet.app_{debug}", debug)
    assert create_logger(app).level == level


def test_a_level_that_was_set_stays() -> None:
    logging.getLogger("quiet.app_3").setLevel(logging.ERROR)
    logger = create_logger(Application("quiet.app_3", True))
    assert logger.level == logging.ERROR


def test_a_handler_that_is_there_is_enough() -> None:
    with quiet() as above:
        above.addHandler(logging.NullHandler())
        assert create_logger(Application("quiet.app_4")).handlers == []


def test_the_default_handler_is_added_once() -> None:
    app = Application("quiet.app_5")
    with quiet():
        assert create_logger(app).handlers == [default_handler]
        assert create_logger(app).handlers == [default_handler]


@pytest.mark.parametrize(
    ("level", "propagate", "found"),
    [
        (logging.NOTSET, True, True),
        (logging.CRITICAL, True, False),
        (logging.NOTSET, False, False),
    ],
)
def test_a_handler_of_a_parent_counts_if_it_writes(
    level: int, propagate: bool, found: bool
) -> None:
    logger = logging.getLogger("quiet.app_6")
    with quiet() as above:
        above.addHandler(logging.NullHandler(level))
        logger.propagate = propagate
        assert has_level_handler(logger) is found
        logger.propagate = True
