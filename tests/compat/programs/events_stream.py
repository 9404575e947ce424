"""Events for a page, as the server sends them; and a task beside it."""

from dataclasses import dataclass

from quart import Quart, abort, make_response, request

app = Quart(__name__)
done = []


@dataclass
class ServerSentEvent:
    data: str
    event: str | None = None
    id: int | None = None
    retry: int | None = None

    def encode(self):
        message = f"data: {self.data}"
        if self.event is not None:
            message = f"{message}\nevent: {self.event}"
        if self.id is not None:
            message = f"{message}\nid: {self.id}"
        if self.retry is not None:
            message = f"{message}\nretry: {self.retry}"
        return f"{message}\n\n".encode()


@app.get("/events")
async def events():
    if "text/event-stream" not in request.accept_mimetypes:
        abort(400)

    async def send_events():
        for number in range(2):
            yield ServerSentEvent(f"tick {number}", id=number).encode()

    response = await make_response(
        send_events(),
        {
            "Content-Type": "text/event-stream",
            "Cache-Control": "no-cache",
            "Transfer-Encoding": "chunked",
        },
    )
    response.timeout = None
    return response


@app.post("/jobs")
async def job():
    async def work(name):
        done.append(name)

    app.add_background_task(work, (await request.get_json())["name"])
    return "Success", 202


@app.get("/jobs")
async def jobs():
    return done
