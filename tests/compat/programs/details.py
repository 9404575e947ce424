"""What a request and a response look like inside."""

from quart import Quart, jsonify, request

app = Quart(__name__)
seen = []


@app.route("/api", provide_automatic_options=False)
async def my_service():
    seen.append(repr(request._get_current_object()))
    response = jsonify({"Hello": "World!"})
    seen.append(repr(response))
    seen.append(await response.get_data(as_text=True))
    return response
