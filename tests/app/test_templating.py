"""Templates: where they are found, what they know, and what is escaped."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jinja2
import pytest

from microquart.app import Quart
from microquart.blueprints import Blueprint
from microquart.context import the_context
from microquart.environment import DispatchingJinjaLoader, Environment
from microquart.signals import before_render_template, template_rendered
from microquart.templating import (
    render_template,
    render_template_string,
    select_autoescape,
    stream_template,
    stream_template_string,
)

FILES = {
    "templates/index.html": "<p>{{ name }}</p>",
    "templates/mail.txt": "{{ name }}",
    "templates/both.html": "of the application",
    "templates/macros.html": "{% macro who() %}{{ request.path }}"
    "{{ session.user }}{{ g.x }}{% endmacro %}",
    "templates/uses.html": "{% from 'macros.html' import who %}{{ who() }}",
    "shop/templates/both.html": "of the blueprint",
    "shop/templates/shop/cart.html": "cart",
}


@pytest.fixture
def app(tmp_path: Path) -> Quart:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    app = Quart(__name__, root_path=str(tmp_path))
    app.secret_key = "key"
    app.testing = True
    shop = Blueprint(
        "shop",
        __name__,
        template_folder="templates",
        root_path=str(tmp_path / "shop"),
    )
    app.register_blueprint(shop)
    return app


async def text_of(pieces: AsyncIterator[str]) -> str:
    return "".join([piece async for piece in pieces])


# -- finding --


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("index.html", "<p>a</p>"),
        (["missing.html", "index.html"], "<p>a</p>"),
        ("both.html", "of the application"),
        ("shop/cart.html", "cart"),
    ],
)
async def test_a_template_is_found(
    app: Quart, name: str | list[str], expected: str
) -> None:
    async with app.app_context():
        assert await render_template(name, name="a") == expected


async def test_a_template_may_be_the_object(app: Quart) -> None:
    template = app.jinja_env.from_string("{{ a }}")
    async with app.app_context():
        assert await render_template(template, a=1) == "1"


@pytest.mark.parametrize("name", ["indx.html", ["indx.html", "nope.html"]])
async def test_a_missing_template_says_where_it_was_sought_and_what_is_like_it(
    app: Quart, name: str | list[str]
) -> None:
    async with app.app_context():
        with pytest.raises(jinja2.TemplateNotFound) as caught:
            await render_template(name)
    text = str(caught.value)
    assert "no template 'indx.html'" in text
    assert f"{app.root_path}/templates (application {__name__!r})" in text
    assert f"{app.root_path}/shop/templates (blueprint 'shop')" in text
    assert "nearest: index.html" in text


async def test_without_a_folder_the_message_says_so() -> None:
    app = Quart(__name__, template_folder=None)
    async with app.app_context():
        with pytest.raises(
            jinja2.TemplateNotFound, match="no template folder"
        ):
            await render_template("index.html")


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/passwd", "a/../../b"])
async def test_no_template_is_outside_of_the_folder(
    app: Quart, name: str
) -> None:
    (Path(app.root_path) / "secret.txt").write_text("secret")
    async with app.app_context():
        with pytest.raises(jinja2.TemplateNotFound):
            await render_template(name)


def test_all_templates_can_be_listed(app: Quart) -> None:
    assert app.jinja_env.list_templates() == [
        "both.html",
        "index.html",
        "macros.html",
        "mail.txt",
        "shop/cart.html",
        "uses.html",
    ]


async def test_the_search_can_be_explained(
    app: Quart, caplog: pytest.LogCaptureFixture
) -> None:
    app.config["EXPLAIN_TEMPLATE_LOADING"] = True
    with caplog.at_level("INFO"):
        async with app.app_context():
            await render_template("shop/cart.html")
    [record] = caplog.records
    assert record.getMessage().startswith(
        f"template 'shop/cart.html': application {__name__!r}, "
        f"{app.root_path}/templates: not there; blueprint 'shop', "
    )
    assert (
        f"found: {app.root_path}/shop/templates/shop/" in record.getMessage()
    )


async def test_there_is_no_rendering_without_an_application() -> None:
    with pytest.raises(RuntimeError):
        await render_template_string("")


# -- escaping --


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.html", True),
        ("a.htm", True),
        ("a.xml", True),
        ("a.xhtml", True),
        ("a.svg", True),
        ("A.HTML", True),
        (None, True),
        ("a.txt", False),
        ("a.html.txt", False),
        ("html", False),
    ],
)
def test_the_ending_says_whether_values_are_escaped(
    name: str | None, expected: bool
) -> None:
    assert select_autoescape(name) is expected


async def test_values_are_escaped_in_pages_and_texts_only(app: Quart) -> None:
    async with app.app_context():
        assert await render_template("index.html", name="<") == "<p>&lt;</p>"
        assert await render_template("mail.txt", name="<") == "<"
        assert await render_template_string("{{ a }}", a="<") == "&lt;"


async def test_json_in_a_page_cannot_end_the_script(app: Quart) -> None:
    async with app.app_context():
        text = await render_template_string("{{ a|tojson }}", a="</script>'&")
    assert text == '"\\u003c/script\\u003e\\u0027\\u0026"'


# -- what a template knows --


async def test_a_template_knows_the_request(app: Quart) -> None:
    source = "{{ request.path }} {{ g.x }} {{ config.TESTING }}"
    async with app.test_request_context("/here"):
        the_context("app").g.x = 5
        assert await render_template_string(source) == "/here 5 True"


async def test_an_imported_macro_knows_the_request_of_its_call(
    app: Quart,
) -> None:
    for path in ("/one", "/two"):
        async with app.test_request_context(path) as ctx:
            ctx.session["user"] = "anna"
            ctx.g.x = path[-1]
            text = await render_template("uses.html")
            assert text == f"{path}anna{path[-1]}"


async def test_without_a_request_there_is_none(app: Quart) -> None:
    source = "{{ request is defined }} {{ session is defined }}"
    async with app.app_context():
        assert await render_template_string(source) == "False False"


async def test_what_is_given_stands_above_what_is_current(app: Quart) -> None:
    async with app.test_request_context("/here"):
        text = await render_template_string("{{ request }}", request="mine")
    assert text == "mine"


@pytest.mark.parametrize(
    ("source", "vary"),
    [("{{ session.user }}", True), ("{{ request.path }}", False)],
)
async def test_only_a_template_that_names_the_session_opens_it(
    app: Quart, source: str, vary: bool
) -> None:
    @app.get("/")
    async def index() -> str:
        return await render_template_string(source)

    response = await app.test_client().get("/")
    assert ("cookie" in response.vary) is vary


async def test_urls_and_messages_are_at_hand(app: Quart) -> None:
    @app.get("/users/<int:id>")
    async def user(id: int) -> str:
        return await render_template_string(
            "{{ url_for('user', id=2) }} {{ get_flashed_messages() }}"
        )

    response = await app.test_client().get("/users/1")
    assert await response.get_data() == b"/users/2 []"


async def test_additions_are_known(app: Quart) -> None:
    @app.template_filter()
    def twice(value: str) -> str:
        return value * 2

    @app.template_filter("later")
    async def waiting(value: str) -> str:
        return f"{value}!"

    @app.template_test()
    def short(value: str) -> bool:
        return len(value) < 3

    @app.template_global()
    async def answer() -> int:
        return 42

    async with app.app_context():
        text = await render_template_string(
            "{{ 'a'|twice|later }} {{ 'aaa' is short }} {{ answer() }}"
        )
    assert text == "aa! False 42"


# -- context processors --


async def test_processors_add_variables(app: Quart) -> None:
    @app.context_processor
    def plain() -> dict[str, Any]:
        return {"a": "plain", "b": "plain"}

    @app.context_processor
    async def waiting() -> dict[str, Any]:
        return {"b": "async", "c": "async"}

    async with app.app_context():
        text = await render_template_string(
            "{{ a }} {{ b }} {{ c }}", c="given"
        )
    assert text == "plain async given"


async def test_processors_of_a_blueprint_are_for_its_views(
    app: Quart,
) -> None:
    outer = Blueprint("outer", __name__, url_prefix="/outer")
    inner = Blueprint("inner", __name__, url_prefix="/inner")
    for scaffold in (app, outer, inner):

        @scaffold.context_processor
        def names(name: str = scaffold.name) -> dict[str, Any]:
            return {"nearest": name, f"of_{name.rpartition('.')[2]}": 1}

        @scaffold.get("/view")
        async def view() -> str:
            return await render_template_string(
                "{{ nearest }} {{ of_outer }} {{ of_inner }}"
            )

    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    client = app.test_client()
    seen = [
        await (await client.get(path)).get_data(as_text=True)
        for path in ("/view", "/outer/view", "/outer/inner/view")
    ]
    assert [text.partition(" ")[2] for text in seen] == [" ", "1 ", "1 1"]
    assert seen[1].startswith("outer ")
    assert seen[2].startswith("inner ")


# -- streams --


async def test_a_template_can_be_streamed(app: Quart) -> None:
    async with app.app_context():
        page = await text_of(await stream_template("index.html", name="<"))
        text = await text_of(await stream_template_string("{{ a }}", a=1))
    assert (page, text) == ("<p>&lt;</p>", "1")


async def test_a_stream_keeps_the_request(app: Quart) -> None:
    source = "{% for n in range(3) %}{{ n }}{{ request.path }} {% endfor %}"

    @app.get("/here")
    async def here() -> AsyncIterator[str]:
        return await stream_template_string(source)

    response = await app.test_client().get("/here")
    assert await response.get_data() == b"0/here 1/here 2/here "


# -- signals --


@pytest.mark.parametrize("streamed", [False, True])
async def test_rendering_is_announced(app: Quart, streamed: bool) -> None:
    told: list[tuple[str, Any, Any]] = []

    def before(sender: Quart, template: Any, context: Any) -> None:
        told.append(("before", template.name, context["name"]))

    async def after(sender: Quart, template: Any, context: Any) -> None:
        told.append(("after", template.name, context["name"]))

    async with app.app_context():
        with (
            before_render_template.connected_to(before, app),
            template_rendered.connected_to(after, app),
        ):
            if streamed:
                await text_of(await stream_template("index.html", name="a"))
            else:
                await render_template("index.html", name="a")
    assert told == [
        ("before", "index.html", "a"),
        ("after", "index.html", "a"),
    ]


# -- the environment --


def test_the_environment_can_be_replaced() -> None:
    class Mine(Environment):
        def __init__(self, app: Any, **options: Any) -> None:
            super().__init__(app, **options, trim_blocks=True)

    class Application(Quart):
        jinja_environment = Mine

    assert Application(__name__).jinja_env.trim_blocks


def test_options_go_to_the_environment() -> None:
    class Application(Quart):
        jinja_options = {"line_statement_prefix": "%"}  # noqa: RUF012

    assert Application(__name__).jinja_env.line_statement_prefix == "%"


def test_the_loader_is_ours_unless_one_is_given(app: Quart) -> None:
    loader = jinja2.DictLoader({"a.html": "a"})
    assert isinstance(app.jinja_env.loader, DispatchingJinjaLoader)
    assert Environment(app, loader=loader).loader is loader


@pytest.mark.parametrize(
    ("setting", "debug", "expected"),
    [
        (None, False, False),
        (None, True, True),
        (True, False, True),
        (False, True, False),
    ],
)
def test_templates_are_reloaded_in_debug_mode_or_as_set(
    app: Quart, setting: bool | None, debug: bool, expected: bool
) -> None:
    app.config["TEMPLATES_AUTO_RELOAD"] = setting
    app.debug = debug
    assert app.jinja_env.auto_reload is expected


def test_the_names_of_quart_are_in_templating() -> None:
    from microquart import templating

    assert templating.Environment is Environment
    assert templating.DispatchingJinjaLoader is DispatchingJinjaLoader
    with pytest.raises(AttributeError):
        _ = templating.Nothing
