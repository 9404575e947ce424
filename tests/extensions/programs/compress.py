"""quart-compress: what is compressed, and what is not."""

import asyncio
import gzip

import brotli
from quart import Quart, jsonify, send_file
from quart_compress import Compress

LONG = "hello " * 200


def make(algorithm):
    app = Quart(__name__)
    app.config["COMPRESS_ALGORITHM"] = algorithm
    Compress(app)

    @app.get("/long")
    async def long():
        return LONG

    @app.get("/short")
    async def short():
        return "hello"

    @app.get("/json")
    async def json():
        return jsonify(text=LONG)

    @app.get("/image")
    async def image():
        return LONG, {"Content-Type": "image/png"}

    @app.get("/stream")
    async def stream():
        async def generate():
            for _ in range(200):
                yield "hello "

        return generate(), {"Vary": "Cookie"}

    @app.get("/etag")
    async def etag():
        response = jsonify(text=LONG)
        response.set_etag("abc")
        return response

    @app.get("/file")
    async def file():
        return await send_file(
            __file__, mimetype="text/html", conditional=False
        )

    return app


async def show(client, path, accepted):
    response = await client.get(path, headers={"Accept-Encoding": accepted})
    data = await response.get_data()
    encoding = response.headers.get("Content-Encoding")
    size = len(data)
    if encoding == "gzip":
        data = gzip.decompress(data)
    elif encoding == "br":
        data = brotli.decompress(data)
    print(
        path,
        response.status_code,
        encoding,
        response.headers.get("Vary"),
        response.headers.get("Content-Length") in (None, str(size)),
        response.headers.get("ETag") if path == "/etag" else "",
        size if path != "/file" else "",
        len(data),
    )


async def main():
    for algorithm in ("gzip", "br"):
        client = make(algorithm).test_client()
        for path in (
            "/long",
            "/short",
            "/json",
            "/image",
            "/stream",
            "/etag",
            "/file",
        ):
            await show(client, path, algorithm)
        await show(client, "/long", "identity")


asyncio.run(main())
