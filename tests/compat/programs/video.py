"""A film that a browser plays from any place: ranges, part by part."""

from pathlib import Path

from quart import Quart, render_template_string, request, send_file, url_for

app = Quart(__name__)
FILM = Path(__file__).with_name("film.bin")


@app.get("/")
async def index():
    return await render_template_string(
        '<video src="{{ url_for("film") }}"></video>'
    )


@app.route("/film")
async def film():
    return await send_file(FILM, mimetype="video/mp4", conditional=True)


@app.route("/live")
async def live():
    async def frames():
        for number in range(3):
            yield f"--frame\r\n\r\n{number}\r\n".encode()

    kind = "multipart/x-mixed-replace; boundary=frame"
    return frames(), 200, {"Content-Type": kind}


@app.route("/where")
async def where():
    return {"range": request.headers.get("Range"), "film": url_for("film")}
