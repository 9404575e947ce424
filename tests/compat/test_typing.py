"""Types for annotations."""

from pathlib import Path

import pytest

row = pytest.mark.row
differs = pytest.mark.differs

NAMES = [
    "AfterRequestCallable",
    "BeforeRequestCallable",
    "ErrorHandlerCallable",
    "FilePath",
    "HeadersValue",
    "ResponseReturnValue",
    "ResponseTypes",
    "ResponseValue",
    "RouteCallable",
    "StatusCode",
    "TeardownCallable",
    "TemplateContextProcessorCallable",
    "TestAppProtocol",
    "TestClientProtocol",
    "TestHTTPConnectionProtocol",
    "TestWebsocketConnectionProtocol",
    "WebsocketCallable",
    "WhileServingCallable",
]


@row("quart.typing: ResponseReturnValue")
@pytest.mark.parametrize("name", NAMES)
def test_a_type_can_be_imported(quart, name):
    assert getattr(quart.typing, name) is not None


@row("quart.typing: ResponseReturnValue")
async def test_a_view_is_annotated(quart, app, client):
    @app.route("/")
    async def view() -> quart.typing.ResponseReturnValue:
        return "x", 201

    assert (await client.get("/")).status_code == 201


@row("quart.typing: ResponseReturnValue")
def test_the_package_says_that_it_is_typed(quart):
    assert (Path(quart.__file__).parent / "py.typed").exists()
