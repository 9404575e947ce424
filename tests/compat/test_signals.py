"""Signals."""

import pytest

row = pytest.mark.row
differs = pytest.mark.differs


def listening(signals, log, *names):
    """Receivers that write down the signal's name; they must be kept."""

    def receiver(name):
        def receive(sender, **values):
            log.append((name, sender, values))

        getattr(signals, name).connect(receive)
        return receive

    return [receiver(name) for name in names]


def names(log):
    return [name for name, _, _ in log]


@row("request_started, request_finished")
async def test_signals_tell_of_a_request(quart, app, client):
    log = []
    kept = listening(
        quart.signals,
        log,
        "request_started",
        "request_finished",
        "request_tearing_down",
        "appcontext_pushed",
        "appcontext_tearing_down",
        "appcontext_popped",
    )
    app.add_url_rule("/", "view", lambda: "x")
    await client.get("/")
    assert kept
    assert names(log) == [
        "appcontext_pushed",
        "request_started",
        "request_finished",
        "request_tearing_down",
        "appcontext_tearing_down",
        "appcontext_popped",
    ]
    assert all(sender is app for _, sender, _ in log)
    assert log[2][2]["response"].status_code == 200
    assert log[3][2]["exc"] is None


@row("request_started, request_finished")
async def test_a_receiver_may_be_async(quart, app, client):
    log = []

    @quart.request_started.connect_via(app)
    async def receive(sender, **values):
        log.append(quart.request.path)

    app.add_url_rule("/", "view", lambda: "x")
    await client.get("/")
    assert log == ["/"]


@row("got_request_exception")
async def test_a_signal_tells_of_an_error(quart, app, client):
    log = []
    kept = listening(quart.signals, log, "got_request_exception")

    async def fails():
        raise KeyError("x")

    app.add_url_rule("/", "fails", fails)
    await client.get("/")
    assert kept
    assert isinstance(log[0][2]["exception"], KeyError)


@row("template_rendered, before_render_template")
async def test_signals_tell_of_templates(quart, app):
    log = []
    kept = listening(
        quart.signals, log, "before_render_template", "template_rendered"
    )
    async with app.app_context():
        await quart.render_template("page.txt", name="a")
    assert kept
    assert names(log) == ["before_render_template", "template_rendered"]
    assert log[0][2]["template"].name == "page.txt"
    assert log[0][2]["context"]["name"] == "a"


@row("appcontext_pushed, appcontext_popped")
async def test_signals_tell_of_a_context(quart, app):
    log = []
    kept = listening(
        quart.signals,
        log,
        "appcontext_pushed",
        "appcontext_tearing_down",
        "appcontext_popped",
    )
    async with app.app_context():
        assert names(log) == ["appcontext_pushed"]
    assert kept
    assert names(log)[1:] == ["appcontext_tearing_down", "appcontext_popped"]


@row("message_flashed")
async def test_a_signal_tells_of_a_flash(quart, app):
    log = []
    kept = listening(quart.signals, log, "message_flashed")
    app.secret_key = "k"
    async with app.test_request_context("/"):
        await quart.flash("hello", "error")
    assert kept
    assert log[0][2] == {"message": "hello", "category": "error"}


@row("websocket_started, websocket_finished")
async def test_signals_tell_of_a_websocket(quart, app, client):
    log = []
    kept = listening(
        quart.signals,
        log,
        "websocket_started",
        "websocket_finished",
        "websocket_tearing_down",
    )

    @app.websocket("/")
    async def view():
        await quart.websocket.send("x")

    Disconnected = quart.testing.connections.WebsocketDisconnectError
    async with client.websocket("/") as connection:
        await connection.receive()
        with pytest.raises(Disconnected):
            await connection.receive()
    assert kept
    assert names(log) == [
        "websocket_started",
        "websocket_finished",
        "websocket_tearing_down",
    ]


@row("websocket_received, websocket_sent")
async def test_signals_tell_of_messages(quart, app, client):
    log = []

    @quart.signals.websocket_received.connect
    async def received(sender, **values):
        log.append(("received", sender))

    @quart.signals.websocket_sent.connect
    async def sent(sender, **values):
        log.append(("sent", sender))

    @app.websocket("/")
    async def view():
        await quart.websocket.send(await quart.websocket.receive() + "b")

    async with client.websocket("/") as connection:
        await connection.send("a")
        await connection.receive()
    assert log == [("received", "a"), ("sent", "ab")]


@row("websocket_received, websocket_sent")
@differs("the receiver may be a plain function: in Quart that is an error")
async def test_plain_functions_are_told_of_messages(quart, app, client):
    log = []
    kept = listening(
        quart.signals, log, "websocket_received", "websocket_sent"
    )

    @app.websocket("/")
    async def view():
        await quart.websocket.send(await quart.websocket.receive())

    Disconnected = quart.testing.connections.WebsocketDisconnectError
    async with client.websocket("/") as connection:
        await connection.send("a")
        await connection.receive()
        with pytest.raises(Disconnected):
            await connection.receive()
    assert kept
    assert names(log) == ["websocket_received", "websocket_sent"]


@row("websocket_started, websocket_finished")
async def test_a_signal_tells_of_the_error_of_a_websocket(quart, app, client):
    log = []
    kept = listening(quart.signals, log, "got_websocket_exception")

    @app.websocket("/")
    async def view():
        raise KeyError("x")

    Rejected = quart.testing.connections.WebsocketResponseError
    with pytest.raises(Rejected):
        async with client.websocket("/") as connection:
            await connection.receive()
    assert kept
    assert isinstance(log[0][2]["exception"], KeyError)


@row("got_background_exception")
async def test_signals_tell_of_errors_beside_the_requests(quart, app):
    log = []
    kept = listening(
        quart.signals, log, "got_background_exception", "got_serving_exception"
    )

    async def fails():
        raise KeyError("x")

    async with app.test_app():
        app.add_background_task(fails)
    app.before_serving_funcs.append(fails)
    with pytest.raises(Exception, match=r"."):
        await app.startup()
    assert kept
    assert names(log) == ["got_background_exception", "got_serving_exception"]
    assert all(isinstance(v["exception"], KeyError) for _, _, v in log)


@row("signals_available")
def test_signals_are_available(quart):
    assert quart.signals.signals_available is True
    assert quart.signals_available is True
