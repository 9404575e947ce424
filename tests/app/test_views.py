"""Views as classes."""

import pytest

from microquart import Quart, request
from microquart.views import MethodView, View


@pytest.fixture
def app():
    return Quart(__name__, static_folder=None)


async def test_a_class_is_a_view(app):
    class Greeting(View):
        methods = ["GET", "POST"]  # noqa: RUF012

        def __init__(self, greeting, mark="!"):
            self.greeting = greeting
            self.mark = mark

        async def dispatch_request(self, name):
            return f"{request.method} {self.greeting} {name}{self.mark}"

    view = Greeting.as_view("greet", "Hello", mark="?")
    app.add_url_rule("/<name>", view_func=view)
    client = app.test_client()
    for method in ("GET", "POST"):
        response = await client.open("/anna", method=method)
        assert await response.get_data(as_text=True) == f"{method} Hello anna?"
    assert (await client.put("/anna")).status_code == 405
    assert view.view_class is Greeting
    assert view.__name__ == "greet"


async def test_a_method_for_each_method(app):
    class Notes(MethodView):
        async def get(self, id):
            return f"get {id}"

        def delete(self, id):
            return f"delete {id}"

    app.add_url_rule("/<int:id>", view_func=Notes.as_view("notes"))
    client = app.test_client()
    assert Notes.methods == {"GET", "DELETE"}
    assert await (await client.get("/7")).get_data() == b"get 7"
    assert await (await client.delete("/7")).get_data() == b"delete 7"
    assert (await client.head("/7")).status_code == 200
    assert (await client.post("/7")).status_code == 405
    options = await client.options("/7")
    assert sorted(options.allow) == ["DELETE", "GET", "HEAD", "OPTIONS"]


def test_methods_are_inherited():
    class Readable(MethodView):
        async def get(self): ...

    class Writable(MethodView):
        async def post(self): ...

    class Both(Readable, Writable):
        async def delete(self): ...

    class Fixed(Both):
        methods = ("GET",)

    assert Both.methods == {"GET", "POST", "DELETE"}
    assert Fixed.methods == ("GET",)


@pytest.mark.parametrize(("each", "made"), [(True, 2), (False, 1)])
async def test_an_object_for_each_request_or_one_for_all(app, each, made):
    objects = []

    class Counting(View):
        init_every_request = each

        def __init__(self):
            objects.append(self)

        async def dispatch_request(self):
            return "x"

    app.add_url_rule("/", view_func=Counting.as_view("count"))
    client = app.test_client()
    await client.get("/")
    await client.get("/")
    assert len(objects) == made


async def test_decorators_go_round_the_view(app):
    def tagged(tag):
        def decorator(func):
            async def view(**values):
                return f"<{tag}>{await func(**values)}</{tag}>"

            return view

        return decorator

    class Tagged(View):
        decorators = [tagged("i"), tagged("b")]  # noqa: RUF012

        async def dispatch_request(self):
            return "x"

    app.add_url_rule("/", view_func=Tagged.as_view("tagged"))
    response = await app.test_client().get("/")
    assert await response.get_data() == b"<b><i>x</i></b>"


async def test_a_view_may_answer_options_itself(app):
    class Own(View):
        provide_automatic_options = False
        methods = ["GET", "OPTIONS"]  # noqa: RUF012

        def dispatch_request(self):
            return request.method

    app.add_url_rule("/", view_func=Own.as_view("own"))
    response = await app.test_client().options("/")
    assert await response.get_data() == b"OPTIONS"


async def test_a_view_without_dispatch_request_says_so(app):
    app.add_url_rule("/", view_func=View.as_view("empty"))
    app.testing = True
    with pytest.raises(NotImplementedError):
        await app.test_client().get("/")
