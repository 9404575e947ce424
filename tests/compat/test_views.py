"""What a view can be."""

import threading

import pytest

row = pytest.mark.row


@row("async def views")
async def test_a_view_is_a_coroutine_function(quart, app, client):
    @app.route("/<x>")
    async def view(x):
        return x + quart.request.method

    assert await (await client.get("/a")).get_data() == b"aGET"


@row("def views")
async def test_a_plain_view_runs_in_a_thread_with_its_context(
    quart, app, client
):
    seen = []

    @app.route("/<x>")
    def view(x):
        seen.append(threading.current_thread() is threading.main_thread())
        quart.g.x = x
        return quart.g.x + quart.request.method

    assert await (await client.get("/a")).get_data() == b"aGET"
    assert seen == [False]


@row("View, View.as_view")
@pytest.mark.parametrize("plain", [False, True])
async def test_a_class_can_be_a_view(quart, app, client, plain):
    class Async(quart.views.View):
        def __init__(self, word):
            self.word = word

        async def dispatch_request(self, x):
            return self.word + x

    class Plain(Async):
        def dispatch_request(self, x):
            return self.word + x

    view = (Plain if plain else Async).as_view("name", word="w")
    app.add_url_rule("/<x>", view_func=view)
    assert app.view_functions["name"] is view
    assert await (await client.get("/a")).get_data() == b"wa"


@row("MethodView")
async def test_a_class_can_have_a_method_for_each_method(quart, app, client):
    class Item(quart.views.MethodView):
        async def get(self, x):
            return "get " + x

        def post(self, x):
            return "post " + x

    app.add_url_rule("/<x>", view_func=Item.as_view("item"))
    assert await (await client.get("/a")).get_data() == b"get a"
    assert await (await client.post("/a")).get_data() == b"post a"
    assert (await client.head("/a")).status_code == 200
    response = await client.put("/a")
    assert response.status_code == 405
    assert set(response.allow) == {"GET", "HEAD", "OPTIONS", "POST"}


@row("View.decorators")
async def test_a_class_has_options(quart, app, client):
    made = []

    def shout(view):
        async def shouting(*args, **kwargs):
            return (await view(*args, **kwargs)).upper()

        return shouting

    class Once(quart.views.View):
        methods = ("GET", "PUT")
        decorators = (shout,)
        init_every_request = False
        provide_automatic_options = False

        def __init__(self):
            made.append(1)

        async def dispatch_request(self):
            return "once"

    app.add_url_rule("/", view_func=Once.as_view("once"))
    for method in ("GET", "PUT"):
        response = await client.open("/", method=method)
        assert await response.get_data() == b"ONCE"
    assert made == [1]
    assert (await client.options("/")).status_code == 405
    assert (await client.post("/")).status_code == 405


@row("View.decorators")
async def test_an_object_is_made_for_each_request_unless_told(
    quart, app, client
):
    made = []

    class Each(quart.views.View):
        def __init__(self):
            made.append(1)

        async def dispatch_request(self):
            return "each"

    app.add_url_rule("/", view_func=Each.as_view("each"))
    await client.get("/")
    await client.get("/")
    assert made == [1, 1]
