"""A trace in which everything of the vocabulary happens, without a socket."""

from typing import Any

from h2.errors import ErrorCodes

from microquart import Quart, abort, request, websocket
from microquart.protocol import Peer, Service
from microquart.server.asyncio_shell import AsyncioServer
from microquart.server.settings import Settings
from microquart.server.shells import service_of
from microquart.server.watchdog import Watchdog
from microquart.xray.install import install
from microquart.xray.record import Record
from microquart.xray.taps.asgi import AsgiTap
from microquart.xray.taps.h1 import TappedH1
from microquart.xray.taps.h2 import TappedH2
from microquart.xray.taps.line import Line
from microquart.xray.taps.shells import tap_flow
from microquart.xray.tracer import Tracer
from tests.protocol.clients import H1Socket, H2Client
from tests.protocol.conversation import CONNECTIONS, body, start

TLS = {
    "tls_version": 0x0304,
    "cipher_suite": 0x1301,
    "server_cert": None,
    "client_cert_chain": [],
    "client_cert_name": "CN=client",
    "client_cert_error": None,
}
LOCAL = ("192.0.2.2", 443)


class Transport:
    def get_write_buffer_size(self) -> int:
        return 70_000


class Shell:
    """What a transport tells that its buffer is full."""

    def __init__(self, server: AsyncioServer) -> None:
        self.server = server
        self._transport = Transport()

    def pause_writing(self) -> None:
        pass

    def resume_writing(self) -> None:
        pass


class Scenes:
    """Plays what can happen; ``records`` is what was told of it."""

    def __init__(self) -> None:
        self.tracer = Tracer(None)

    @property
    def records(self) -> list[Record]:
        return self.tracer.records

    async def play(self) -> None:
        usual = dict(CONNECTIONS)
        CONNECTIONS.update(h1=self.h1, h2=self.h2)
        try:
            self.play_http1()
            self.play_http2()
            self.play_websockets()
        finally:
            CONNECTIONS.update(usual)
        self.play_server()
        await self.play_application()

    def h1(self, peer: Peer, service: Service, now: float) -> TappedH1:
        return TappedH1(Line(self.tracer, peer, None), peer, service, now)

    def h2(self, peer: Peer, service: Service, now: float) -> TappedH2:
        return TappedH2(Line(self.tracer, peer, "h2"), peer, service, now)

    # -- the server --

    def play_http1(self) -> None:
        connection = self.h1(Peer(tls=TLS, secure=True), Service(), 0.0)
        connection.receive_data(
            b"POST /?a=b HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n"
            b"content-length: 3\r\n\r\n"
        )
        [stream] = connection.opened()
        stream.take()
        connection.receive_data(b"abcGET / HTTP/1.1\r\nhost: a\r\n\r\n")
        connection.woken()
        stream.send(start())
        stream.send(body(b"content"))
        stream.end(False)
        connection.data_to_send()
        connection.opened()
        connection.receive_data(b"bad")
        connection.lost()
        connection.finish()
        connection = self.h1(Peer(("192.0.2.1", 1)), Service(), 0.0)
        connection.receive_data(b"no request\r\n\r\n")
        connection.data_to_send()
        connection.receive_data(b"late")
        connection.expire(100.0)
        connection.finish()
        connection = self.h1(Peer(), Service(), 0.0)
        connection.receive_data(
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999\r\n\r\n"
            + bytes(70_000)
        )
        [stream] = connection.opened()
        connection.woken()  # paused
        stream.take()
        connection.woken()
        connection.finish()

    def play_http2(self) -> None:
        def large(stream: Any) -> None:
            stream.send(start(200, (b"set-cookie", b"a=b")))
            stream.send(body(bytes(400_000), more=True))

        client = H2Client(large)
        client.request((b"cookie", b"s=1"))
        number = client.post(b"abc", end=False)
        client.reset(number, ErrorCodes.CANCEL)
        client.h2.ping(b"pingpong")
        client.exchange()
        client.connection.shutdown()
        client.exchange()
        client.connection.expire(1000.0)
        client.connection.finish()
        client = H2Client(large)
        client.reads = False
        client.request()
        client.connection.receive_data(bytes([0, 0, 1, 6, 0, 0, 0, 0, 1, 0]))
        client.connection.data_to_send()
        client.connection.receive_data(b"half")
        client.connection.finish()

    def play_websockets(self) -> None:
        socket = H1Socket()
        socket.raw(b"\x81\x85\0\0\0\0hello\x81\x81\0\0\0\0\xff")
        socket.connection.finish()

    def play_server(self) -> None:
        line = Line(self.tracer, Peer(("192.0.2.1", 1), LOCAL), None)
        settings = Settings(access_log=False)
        app = Quart(__name__)
        service = service_of(settings, {})
        server = AsyncioServer(app, settings, service, None)
        shell = Shell(server)
        tap_flow(line, shell)
        shell.pause_writing()
        shell.resume_writing()
        server.watchdog = Watchdog("asyncio.sleep")
        taps = install(self.tracer, server=server)

        class Open:
            peer = Peer(("192.0.2.1", 1), LOCAL)
            connection = None

        server.open.add(Open())
        server.open.discard(next(iter(server.open)))
        server.watchdog.say(0.3, "demo.py:12 (time.sleep)")
        taps.remove()

    # -- the application --

    async def play_application(self) -> None:
        app = Quart(__name__)

        @app.before_serving
        async def open_database() -> None:
            pass

        @app.get("/<int:number>")
        async def view(number: int) -> dict[str, int]:
            app.add_background_task(open_database)
            return {"number": number}

        @app.post("/")
        async def post() -> bytes:
            return bytes(await request.get_data())

        @app.get("/gone")
        async def gone() -> None:
            abort(410)

        @app.websocket("/ws")
        async def socket() -> None:
            await websocket.send(await websocket.receive())

        taps = install(self.tracer, app=app)
        async with app.test_app() as running:
            client = running.test_client()
            await client.get("/7")
            await client.get("/gone")
            await client.get("/nowhere")
            await client.post("/", data=b"abc")
            async with client.websocket("/ws", subprotocols=["chat"]) as ws:
                await ws.send("hello")
                await ws.receive()
                await ws.disconnect()
        taps.remove()
        await self.play_bare()

    async def play_bare(self) -> None:
        """What an application of ours does not say."""

        async def bare(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            head = {"type": "http.response.start", "status": 200}
            await send({**head, "trailers": True})
            await send({"type": "http.response.body", "more_body": False})

        async def receive() -> dict[str, Any]:
            return {
                "type": "websocket.disconnect",
                "code": 1001,
                "reason": "bye",
            }

        async def send(message: Any) -> None:
            pass

        scope = {"type": "http", "path": "/", "headers": []}
        tap = AsgiTap(self.tracer, bare, "server", outermost=True)
        await tap(scope, receive, send)
