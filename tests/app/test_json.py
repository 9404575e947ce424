"""JSON: the provider of an application, and the tagged JSON of sessions."""

import io
import json
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from flask.json.tag import TaggedJSONSerializer as FlaskSerializer
from markupsafe import Markup

from microquart.config import DEFAULT_CONFIG
from microquart.json.provider import DefaultJSONProvider, JSONProvider
from microquart.json.tag import JSONTag, TaggedJSONSerializer
from microquart.wrappers.response import Response

MAX_DEPTH = DEFAULT_CONFIG["MAX_JSON_DEPTH"]
MAX_DIGITS = DEFAULT_CONFIG["MAX_JSON_DIGITS"]
ID = UUID("12345678-1234-5678-1234-567812345678")
NOON = datetime(2026, 11, 24, 12, 0, 5, tzinfo=UTC)


@dataclass
class Note:
    title: str
    written: date


class App:
    """What a provider asks of an application."""

    def __init__(self, debug: bool = False, **config: object) -> None:
        self.config = {**DEFAULT_CONFIG, "DEBUG": debug, **config}
        self.response_class = Response


@pytest.fixture
def provider() -> DefaultJSONProvider:
    return DefaultJSONProvider(App())


# Writing ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [None, True]}, '{"a": [null, true], "b": 1}'),
        ("é", '"\\u00e9"'),
        (NOON, '"Tue, 24 Nov 2026 12:00:05 GMT"'),
        (NOON.replace(tzinfo=None), '"Tue, 24 Nov 2026 12:00:05 GMT"'),
        (
            NOON.astimezone(timezone(timedelta(hours=2))),
            '"Tue, 24 Nov 2026 12:00:05 GMT"',
        ),
        (date(2026, 11, 24), '"Tue, 24 Nov 2026 00:00:00 GMT"'),
        (ID, f'"{ID}"'),
        (Decimal("1.10"), '"1.10"'),
        (Markup("<b>"), '"<b>"'),
        (
            Note("x", date(2026, 11, 24)),
            '{"title": "x", "written": "Tue, 24 Nov 2026 00:00:00 GMT"}',
        ),
    ],
)
def test_values_that_json_lacks_have_a_form(
    provider: DefaultJSONProvider, value: object, text: str
) -> None:
    assert provider.dumps(value) == text


@pytest.mark.parametrize("value", [object(), {1, 2}, Note, b"bytes"])
def test_a_value_without_a_form_is_refused(
    provider: DefaultJSONProvider, value: object
) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        provider.dumps(value)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), [-float("inf")]]
)
def test_what_is_no_number_is_refused(
    provider: DefaultJSONProvider, value: object
) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        provider.dumps(value)
    with pytest.raises(ValueError, match="not JSON compliant"):
        provider.response(value)
    assert provider.dumps(value, allow_nan=True)


def test_a_value_that_contains_itself_is_refused_each_time(
    provider: DefaultJSONProvider,
) -> None:
    value: list[object] = []
    value.append(value)
    for _ in range(2):
        with pytest.raises(ValueError, match="Circular"):
            provider.dumps(value)
    value.clear()
    assert provider.dumps(value) == "[]"


def test_the_attributes_of_a_provider_can_be_set_at_any_time(
    provider: DefaultJSONProvider,
) -> None:
    value = {"b": "é", "a": 1}
    assert provider.dumps(value) == '{"a": 1, "b": "\\u00e9"}'
    provider.sort_keys = False
    assert provider.dumps(value) == '{"b": "\\u00e9", "a": 1}'
    provider.ensure_ascii = False
    assert provider.dumps(value) == '{"b": "é", "a": 1}'
    provider.default = lambda value: "?"
    assert provider.dumps([object()]) == '["?"]'


def test_a_subclass_has_a_form_for_more() -> None:
    class Provider(DefaultJSONProvider):
        sort_keys = False

        @staticmethod
        def default(value: Any) -> Any:
            if isinstance(value, set):
                return sorted(value)
            return DefaultJSONProvider.default(value)

    provider = Provider(App())
    assert provider.dumps({"b": {2, 1}, "a": ID}) == (
        f'{{"b": [1, 2], "a": "{ID}"}}'
    )


def test_keywords_are_those_of_the_standard_library(
    provider: DefaultJSONProvider,
) -> None:
    value = {"b": 1, "a": 2}
    assert provider.dumps(value, sort_keys=False, separators=(",", ":")) == (
        '{"b":1,"a":2}'
    )


def test_a_file_is_written_and_read(provider: DefaultJSONProvider) -> None:
    file = io.StringIO()
    provider.dump({"a": 1}, file)
    file.seek(0)
    assert provider.load(file) == {"a": 1}
    assert provider.load(io.BytesIO(b"[1]")) == [1]


# Responses -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [
        ((), {}, "null\n"),
        (({"a": 1, "b": [2]},), {}, '{"a":1,"b":[2]}\n'),
        ((1, 2), {}, "[1,2]\n"),
        ((), {"a": 1}, '{"a":1}\n'),
        ((None,), {}, "null\n"),
    ],
)
async def test_a_response_has_one_argument_or_all(
    provider: DefaultJSONProvider,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    text: str,
) -> None:
    for _ in range(2):
        response = provider.response(*args, **kwargs)
        assert await response.get_data(as_text=True) == text
        assert response.content_type == "application/json"


def test_a_response_has_arguments_or_keywords(
    provider: DefaultJSONProvider,
) -> None:
    with pytest.raises(TypeError, match="not both"):
        provider.response(1, a=2)


@pytest.mark.parametrize(
    ("debug", "compact", "text"),
    [
        (False, None, '{"a":1}\n'),
        (True, None, '{\n  "a": 1\n}\n'),
        (True, True, '{"a":1}\n'),
        (False, False, '{\n  "a": 1\n}\n'),
    ],
)
async def test_a_response_is_compact_unless_in_debug_mode(
    debug: bool, compact: bool | None, text: str
) -> None:
    provider = DefaultJSONProvider(App(debug))
    provider.compact = compact
    provider.mimetype = "application/problem+json"
    response = provider.response({"a": 1})
    assert await response.get_data(as_text=True) == text
    assert response.content_type == "application/problem+json"


async def test_the_dumps_of_a_subclass_writes_the_responses() -> None:
    class Shouting(DefaultJSONProvider):
        def dumps(self, obj: Any, **kwargs: Any) -> str:
            return super().dumps(obj, **kwargs).upper()

    response = Shouting(App()).response({"a": "b"})
    assert await response.get_data() == b'{"A":"B"}\n'


async def test_another_library_needs_dumps_and_loads() -> None:
    class Provider(JSONProvider):
        def dumps(self, obj: Any, **kwargs: Any) -> str:
            return repr(obj)

    response = Provider(App()).response([1])
    assert await response.get_data() == b"[1]"
    assert response.is_json


# Reading ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ('{"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}),
        ('"é"'.encode(), "é"),
        (b"\xef\xbb\xbf[1]", [1]),
        ('"\\u00e9[\\""', 'é["'),
    ],
)
def test_json_is_read_from_text_and_from_utf_8(
    provider: DefaultJSONProvider, source: str | bytes, value: object
) -> None:
    assert provider.loads(source) == value


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("", "Expecting value: line 1 column 1 (char 0)"),
        ('{"a": }', "Expecting value: line 1 column 7 (char 6)"),
        ('[1,\n2,\n"', "line 3 column 1 (char 7)"),
        (b'{"a":\n "\xff"}', "Not UTF-8: line 2 column 3 (char 8)"),
        (b"\xed\xa0\x80", "Not UTF-8: line 1 column 1 (char 0)"),
        ('"a"'.encode("utf-16"), "Not UTF-8: line 1 column 1 (char 0)"),
        (
            "[1, " + "9" * (MAX_DIGITS + 1) + "]",
            f"More than {MAX_DIGITS} digits: line 1 column 5 (char 4)",
        ),
        (
            "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
            f"More than {MAX_DEPTH} levels: line 1 column 201 (char 200)",
        ),
        ("[" * 100_000, "More than 200 levels: line 1 column 201 (char 200)"),
        ('{"a":' * 5000, "More than 200 levels: line 1 column 1001"),
    ],
)
def test_an_error_in_json_tells_its_place(
    provider: DefaultJSONProvider, source: str | bytes, problem: str
) -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        provider.loads(source)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH),
        [[]] * 1000,
        [{"a": {}}] * 1000,
        "[" * 1000,
        ["[", '"[{', "\\", '\\"]', "\\\\"] * 1000,
        [[i, {"[": '"'}] for i in range(500)],
    ],
)
def test_brackets_that_are_not_deep_are_no_matter(
    provider: DefaultJSONProvider, value: object
) -> None:
    assert provider.loads(json.dumps(value)) == value


def test_brackets_in_text_do_not_hide_the_depth(
    provider: DefaultJSONProvider,
) -> None:
    source = '["]]]\\"]", ' * 201 + "1" + "]" * 201
    with pytest.raises(json.JSONDecodeError, match="More than 200 levels"):
        provider.loads(source)


@pytest.mark.parametrize(
    ("config", "source", "value"),
    [
        ({"MAX_JSON_DEPTH": 2}, "[[1]]", [[1]]),
        ({"MAX_JSON_DEPTH": 201}, "[" * 201 + "]" * 201, ...),
        ({"MAX_JSON_DEPTH": None}, "[" * 201 + "]" * 201, ...),
        (
            {"MAX_JSON_DIGITS": 3},
            "[-123, 1.2345, 12e34]",
            [-123, 1.2345, 12e34],
        ),
        ({"MAX_JSON_DIGITS": 4301}, "9" * 4300, 10**4300 - 1),
        ({"MAX_JSON_DIGITS": None}, "9" * 4300, 10**4300 - 1),
    ],
)
def test_the_limits_of_reading_can_be_set(
    config: dict[str, object], source: str, value: object
) -> None:
    provider = DefaultJSONProvider(App(**config))
    wanted = json.loads(source) if value is ... else value
    assert provider.loads(source) == wanted


@pytest.mark.parametrize(
    ("config", "source", "problem"),
    [
        ({"MAX_JSON_DEPTH": 0}, "[]", "More than 0 levels"),
        (
            {"MAX_JSON_DEPTH": 2},
            "[[[]]]",
            "More than 2 levels: line 1 column 3",
        ),
        (
            {"MAX_JSON_DEPTH": 201},
            "[" * 202,
            "More than 201 levels: line 1 column 202",
        ),
        (
            {"MAX_JSON_DIGITS": 3},
            "[1, -1234]",
            "More than 3 digits: line 1 column 6",
        ),
        # Python's own limit holds beside ours.
        ({"MAX_JSON_DIGITS": 4302}, "9" * 4301, "More than 4300 digits"),
        ({"MAX_JSON_DIGITS": None}, "9" * 4301, "More than 4300 digits"),
    ],
)
def test_beyond_a_limit_that_was_set_nothing_is_read(
    config: dict[str, object], source: str, problem: str
) -> None:
    provider = DefaultJSONProvider(App(**config))
    with pytest.raises(json.JSONDecodeError) as caught:
        provider.loads(source)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("limit", "digits", "read"),
    [(4300, 4301, False), (5000, 5000, True), (None, 5000, True)],
)
def test_without_pythons_limit_ours_holds(
    limit: int | None, digits: int, read: bool
) -> None:
    provider = DefaultJSONProvider(App(MAX_JSON_DIGITS=limit))
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        if read:
            assert provider.loads("9" * digits) == 10**digits - 1
        else:
            with pytest.raises(json.JSONDecodeError, match="than 4300 digits"):
                provider.loads("9" * digits)
    finally:
        sys.set_int_max_str_digits(before)


def test_an_error_of_a_hook_is_not_one_of_digits() -> None:
    def refuse(value: object) -> None:
        raise ValueError("mine")

    provider = DefaultJSONProvider(App(MAX_JSON_DIGITS=3))
    with pytest.raises(ValueError, match="mine"):
        provider.loads('{"a": 123}', object_hook=refuse)


def test_keywords_of_reading_are_those_of_the_standard_library(
    provider: DefaultJSONProvider,
) -> None:
    assert provider.loads("[1.5]", parse_float=Decimal) == [Decimal("1.5")]


# Tagged ----------------------------------------------------------------------

TAGGED = [
    None,
    True,
    1.5,
    "text",
    [1, [2, "x"]],
    (1, ("a", [2])),
    b"\xff\0",
    Markup("<b>"),
    ID,
    NOON,
    {"a": 1, "b": (1, 2)},
    {" t": [1]},
    {" t__": 1},
    {" di": {" di": 1}},
    {" b": b"x", "other": 1},
    {"": {" m": {" u": ID}}},
    [({"k": b""},), {"t": (NOON, ID)}],
]

DUMPS: list[Callable[[object], str]] = [
    TaggedJSONSerializer().dumps,
    FlaskSerializer().dumps,
]
LOADS: list[Callable[[str], object]] = [
    TaggedJSONSerializer().loads,
    FlaskSerializer().loads,
]


@pytest.mark.parametrize("value", TAGGED, ids=repr)
@pytest.mark.parametrize("dumps", DUMPS, ids=["ours", "flask"])
@pytest.mark.parametrize("loads", LOADS, ids=["ours", "flask"])
def test_a_session_of_either_framework_is_read_by_the_other(
    dumps: Callable[[object], str],
    loads: Callable[[str], object],
    value: object,
) -> None:
    copy = loads(dumps(value))
    assert copy == value
    assert type(copy) is type(value)


@pytest.mark.parametrize("value", TAGGED, ids=repr)
def test_tagged_json_is_written_as_flask_writes_it(value: object) -> None:
    ours, theirs = DUMPS
    assert ours(value) == theirs(value)


def test_a_session_may_have_what_only_json_is_made_of() -> None:
    serializer = TaggedJSONSerializer()
    assert serializer.dumps({"price": Decimal("1.10")}) == '{"price":"1.10"}'


class TagOrderedDict(JSONTag):
    key = " od"

    def check(self, value: Any) -> bool:
        return isinstance(value, OrderedDict)

    def to_json(self, value: Any) -> Any:
        return [[key, self.serializer.tag(value[key])] for key in value]

    def to_python(self, value: Any) -> Any:
        return OrderedDict(value)


def test_a_special_case_is_registered_before_the_others() -> None:
    serializer = TaggedJSONSerializer()
    serializer.register(TagOrderedDict, index=0)
    value = OrderedDict(b=(1,), a=2)
    text = serializer.dumps(value)
    assert text == '{" od":[["b",{" t":[1]}],["a",2]]}'
    copy = serializer.loads(text)
    assert copy == value
    assert type(copy) is OrderedDict


def test_a_tag_is_registered_once_unless_forced() -> None:
    serializer = TaggedJSONSerializer()
    serializer.register(TagOrderedDict)
    with pytest.raises(KeyError, match="already registered"):
        serializer.register(TagOrderedDict)
    serializer.register(TagOrderedDict, force=True)
