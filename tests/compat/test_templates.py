"""Templates."""

from typing import ClassVar

import pytest

row = pytest.mark.row
differs = pytest.mark.differs


async def rendered(quart, app, source, **context):
    """Render a string in a request."""
    async with app.test_request_context("/a?x=1"):
        return await quart.render_template_string(source, **context)


@row("await render_template(name or list")
async def test_a_template_is_rendered(quart, app):
    async with app.app_context():
        text = await quart.render_template("page.html", name="<anna>")
        assert text == "<p>&lt;anna&gt;</p>"
        text = await quart.render_template(
            ["nope.html", "child.html"], name="x"
        )
        assert text == "<b>x</b>"


@row("await render_template(name or list")
async def test_a_missing_template_is_an_error(quart, app):
    from jinja2 import TemplateNotFound

    async with app.app_context():
        with pytest.raises(TemplateNotFound, match=r"nope\.html"):
            await quart.render_template("nope.html")


@row("await render_template_string")
async def test_a_string_is_rendered(quart, app):
    assert await rendered(quart, app, "{{ a }}", a="<") == "&lt;"


@row("await stream_template")
async def test_a_template_is_streamed(quart, app, client):
    @app.route("/file")
    async def file():
        return await quart.stream_template("page.html", name="anna")

    @app.route("/string")
    async def string():
        return await quart.stream_template_string("{{ a }}", a="<")

    response = await client.get("/file")
    assert (await response.get_data()).strip() == b"<p>anna</p>"
    response = await client.get("/string")
    assert await response.get_data() == b"&lt;"


@row("config, request, session, g in templates")
async def test_a_template_knows_what_is_current(quart, app):
    app.secret_key = "k"
    async with app.test_request_context("/a?x=1"):
        quart.g.user = "anna"
        text = await quart.render_template_string(
            "{{ config.SECRET_KEY }}{{ request.args.x }}{{ request.path }}"
            "{{ g.user }}{{ session|length }}"
        )
    assert text == "k1/aanna0"


@row("url_for, get_flashed_messages in templates")
async def test_a_template_has_functions(quart, app):
    app.secret_key = "k"
    app.add_url_rule("/a", "a", lambda: "a")
    async with app.test_request_context("/"):
        await quart.flash("hello")
        text = await quart.render_template_string(
            "{{ url_for('a') }}{% for m in get_flashed_messages() %}"
            "{{ m }}{% endfor %}"
        )
    assert text == "/ahello"


@row("autoescape by file name")
async def test_what_is_escaped_depends_on_the_name(quart, app):
    names = ["a.html", "a.htm", "a.xml", "a.xhtml", "a.svg", None]
    assert all(app.select_jinja_autoescape(name) for name in names)
    assert not app.select_jinja_autoescape("a.txt")
    async with app.app_context():
        text = await quart.render_template("page.txt", name="<")
    assert text == "<"


@row("context_processor, update_template_context")
async def test_variables_are_given_to_every_template(quart, app):
    @app.context_processor
    async def one():
        return {"one": 1, "both": "processor"}

    @app.context_processor
    def two():
        return {"two": 2}

    text = await rendered(
        quart, app, "{{ one }}{{ two }}{{ both }}", both="mine"
    )
    assert text == "12mine"
    async with app.test_request_context("/"):
        context = {"a": 1}
        await app.update_template_context(context)
        assert context["one"] == 1
        assert context["a"] == 1


@row("template_filter, template_test")
async def test_filters_tests_and_globals_are_added(quart, app):
    @app.template_filter()
    def shout(value):
        return value.upper()

    @app.template_test("short")
    def is_short(value):
        return len(value) < 3

    @app.template_global()
    def hello(name):
        return f"hello {name}"

    app.add_template_filter(str.lower, "whisper")
    app.add_template_test(lambda value: value == "a", "an_a")
    app.add_template_global(lambda: "bye", "bye")
    text = await rendered(
        quart,
        app,
        "{{ 'a'|shout }}{{ 'A'|whisper }}{{ 'a' is short }}{{ 'a' is an_a }}"
        "{{ hello('b') }}{{ bye() }}",
    )
    assert text == "AaTrueTruehello bbye"


@row("async filters and calls")
async def test_functions_of_templates_may_be_async(quart, app):
    @app.template_filter()
    async def shout(value):
        return value.upper()

    async def numbers():
        for number in range(3):
            yield number

    async def call():
        return "called"

    text = await rendered(
        quart,
        app,
        "{{ 'a'|shout }}{% for n in numbers() %}{{ n }}{% endfor %}"
        "{{ call() }}",
        numbers=numbers,
        call=call,
    )
    assert text == "A012called"


@row("app.jinja_env, app.jinja_options")
async def test_jinja_is_within_reach(quart):
    class App(quart.Quart):
        jinja_options: ClassVar = {"trim_blocks": True}

        def create_jinja_environment(self):
            environment = super().create_jinja_environment()
            environment.globals["mine"] = "m"
            return environment

    app = App(__name__)
    assert app.jinja_env.trim_blocks
    assert app.jinja_loader.searchpath
    assert isinstance(app.jinja_env, app.jinja_environment)
    assert app.create_global_jinja_loader() is not None
    assert await rendered(quart, app, "{{ mine }}") == "m"


@row("app.jinja_env, app.jinja_options")
async def test_json_in_a_template_can_be_in_a_script(quart, app):
    text = await rendered(quart, app, "{{ {'a': '</script>'}|tojson }}")
    assert text == '{"a": "\\u003c/script\\u003e"}'


@row("lookup: application first")
async def test_the_application_overrides_its_blueprints(quart, app):
    blueprint = quart.Blueprint(
        "shop", __name__, template_folder="templates/shop"
    )
    app.register_blueprint(blueprint)
    async with app.app_context():
        assert (
            await quart.render_template("both.txt") == "from the application"
        )
        assert await quart.render_template("shop.txt") == "the shop"


@row("TEMPLATES_AUTO_RELOAD")
@pytest.mark.parametrize("debug", [False, True])
def test_templates_are_reloaded_in_development(quart, debug):
    app = quart.Quart(__name__)
    app.debug = debug
    assert app.jinja_env.auto_reload is debug
    app = quart.Quart(__name__)
    app.config["TEMPLATES_AUTO_RELOAD"] = True
    assert app.jinja_env.auto_reload


@row("TEMPLATES_AUTO_RELOAD")
async def test_the_search_for_a_template_is_explained(quart, app, caplog):
    app.config["EXPLAIN_TEMPLATE_LOADING"] = True
    app.logger.setLevel("INFO")
    async with app.app_context():
        await quart.render_template("page.html", name="a")
    assert "page.html" in caplog.text
