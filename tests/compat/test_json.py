"""JSON: the provider and the module."""

import dataclasses
import decimal
import uuid
from datetime import UTC, date, datetime
from io import BytesIO, StringIO

import pytest
from markupsafe import Markup

row = pytest.mark.row
differs = pytest.mark.differs


@dataclasses.dataclass
class Point:
    x: int
    y: int


class Page:
    def __html__(self):
        return "<p>"


@row("app.json, DefaultJSONProvider")
async def test_a_provider_can_encode_more(quart, app):
    class Provider(quart.json.provider.DefaultJSONProvider):
        @staticmethod
        def default(value):
            if isinstance(value, set):
                return sorted(value)
            return quart.json.provider.DefaultJSONProvider.default(value)

    app.json = Provider(app)
    app.add_url_rule("/", "view", lambda: {"a": {2, 1}})
    response = await app.test_client().get("/")
    assert await response.get_data() == b'{"a":[1,2]}\n'


@row("app.json, DefaultJSONProvider")
async def test_a_provider_of_the_user_does_it_all(quart, app):
    class Provider(quart.json.provider.JSONProvider):
        def dumps(self, obj, **kwargs):
            return "dumped"

        def loads(self, s, **kwargs):
            return "loaded"

    app.json = Provider(app)

    @app.route("/", methods=["POST"])
    async def view():
        return {"a": await quart.request.get_json()}

    response = await app.test_client().post("/", json={})
    assert await response.get_data() == b"dumped"


@row("sort_keys, ensure_ascii")
@pytest.mark.parametrize(
    ("option", "value", "body"),
    [
        ("sort_keys", True, '{"a":1,"b":"\\u00e4"}\n'),
        ("sort_keys", False, '{"b":"\\u00e4","a":1}\n'),
        ("ensure_ascii", False, '{"a":1,"b":"ä"}\n'),
        ("compact", False, '{\n  "a": 1,\n  "b": "\\u00e4"\n}\n'),
    ],
)
async def test_a_provider_has_options(app, option, value, body):
    setattr(app.json, option, value)
    app.add_url_rule("/", "view", lambda: {"b": "ä", "a": 1})
    response = await app.test_client().get("/")
    assert await response.get_data() == body.encode()


@row("sort_keys, ensure_ascii")
async def test_a_provider_has_a_media_type(app):
    app.json.mimetype = "application/x-mine"
    app.add_url_rule("/", "view", lambda: {})
    response = await app.test_client().get("/")
    assert response.mimetype == "application/x-mine"


@row("sort_keys, ensure_ascii")
async def test_json_is_pretty_in_development(app):
    app.debug = True
    app.add_url_rule("/", "view", lambda: {"a": 1})
    response = await app.test_client().get("/")
    assert await response.get_data() == b'{\n  "a": 1\n}\n'


VALUES = [
    (
        datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC),
        "Sun, 06 Nov 1994 08:49:37 GMT",
    ),
    (date(1994, 11, 6), "Sun, 06 Nov 1994 00:00:00 GMT"),
    (decimal.Decimal("1.10"), "1.10"),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (Point(1, 2), {"x": 1, "y": 2}),
    (Page(), "<p>"),
    (Markup("<b>"), "<b>"),
    ((1, 2), [1, 2]),
]


@row("dates, UUID, Decimal")
@pytest.mark.parametrize(("value", "expected"), VALUES)
async def test_more_than_json_knows_is_encoded(app, value, expected):
    app.add_url_rule("/", "view", lambda: {"value": value})
    response = await app.test_client().get("/")
    assert await response.get_json() == {"value": expected}


@row("dates, UUID, Decimal")
def test_what_cannot_be_encoded_is_an_error(app):
    with pytest.raises(TypeError, match="not JSON"):
        app.json.dumps({"a": object()})


@row("quart.json.dumps")
async def test_the_module_uses_the_provider_of_the_application(quart, app):
    async with app.app_context():
        app.json.sort_keys = True
        assert quart.json.dumps({"b": 1, "a": 2}) == '{"a": 2, "b": 1}'
        assert quart.json.loads('{"a": 1}') == {"a": 1}
        file = StringIO()
        quart.json.dump([1], file)
        assert file.getvalue() == "[1]"
        assert quart.json.load(BytesIO(b"[1]")) == [1]


@row("quart.json.dumps")
def test_the_module_works_without_an_application(quart):
    assert quart.json.loads(quart.json.dumps({"a": Point(1, 2)})) == {
        "a": {"x": 1, "y": 2}
    }


@row("TaggedJSONSerializer")
@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        b"\xff",
        Markup("<b>"),
        uuid.UUID(int=1),
        datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC),
        {"a": [(1,), {"b": b"c"}]},
        {" t": "no tag"},
        None,
    ],
)
def test_a_tag_keeps_the_type(quart, value):
    serializer = quart.json.tag.TaggedJSONSerializer()
    loaded = serializer.loads(serializer.dumps(value))
    assert (loaded, type(loaded)) == (value, type(value))


@row("TaggedJSONSerializer")
def test_a_tag_of_the_user_is_registered(quart):
    class TagSet(quart.json.tag.JSONTag):
        __slots__ = ()
        key = " s"

        def check(self, value):
            return isinstance(value, set)

        def to_json(self, value):
            return sorted(value)

        def to_python(self, value):
            return set(value)

    serializer = quart.json.tag.TaggedJSONSerializer()
    serializer.register(TagSet, index=0)
    assert serializer.dumps({1}) == '{" s":[1]}'
    assert serializer.loads('{" s":[1]}') == {1}
