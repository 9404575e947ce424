"""The live page, in a headless Chromium."""

import re
import shutil
import socket
from pathlib import Path

import httpx
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded
from websockets.sync.client import connect

from examples.browser import browsing
from microquart.cli.ports import free_port
from microquart.xray.exports import html
from tests.conftest import present
from tests.server.process import started
from tests.xray.recorded import over_http2

PROGRAM = str(Path(__file__).parent / "programs" / "pages.py")
# What it would be to fall for.
BAD = "<img src=x onerror=document.title='owned'>"

pytestmark = pytest.mark.slow


def over_http2_at_once(port: int, paths: list[str]) -> None:
    """Ask for all of them on one connection, and read slowly."""
    config = H2Configuration(header_encoding="utf-8")
    client = H2Connection(config)
    client.initiate_connection()
    host = f"127.0.0.1:{port}"
    for path in paths:
        fields = [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", host),
            (":path", path),
        ]
        number = client.get_next_available_stream_id()
        client.send_headers(number, fields, end_stream=True)
    left = len(paths)
    with socket.create_connection(("127.0.0.1", port)) as peer:
        while left:
            peer.sendall(client.data_to_send())
            for event in client.receive_data(peer.recv(65536)):
                left -= isinstance(event, StreamEnded)
                if isinstance(event, DataReceived):
                    client.acknowledge_received_data(
                        event.flow_controlled_length, event.stream_id
                    )


def send_traffic(port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url) as client:
        secret = {"authorization": "Bearer sesame"}
        client.post("/users/9", data={"name": "Ada"}, headers=secret)
        client.get("/users/x")
        client.get("/broken")
    with socket.create_connection(("127.0.0.1", port)) as peer:
        target = BAD.replace(" ", "%20")
        peer.sendall(f"GET /{target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        peer.recv(4096)
    with connect(f"ws://127.0.0.1:{port}/echo") as peer:
        for message in (BAD, b"\0\1\2"):
            peer.send(message)
            peer.recv()
    paths = ["/users/1", "/large/20", "/large/12", "/users/2"]
    over_http2_at_once(port, paths)


@pytest.fixture(scope="module")
def browser():
    present("chromium", shutil.which("chromium") is not None)
    with browsing("chromium") as page:
        page.size(1280, 800)
        yield page


@pytest.fixture(scope="module")
def address(browser):
    """The page's address, of a server that has had its traffic."""
    with started(PROGRAM, "--trace") as server:
        send_traffic(server.port)
        found = re.search(r"X-ray: (\S+)", server.said)
        yield found[1]


@pytest.fixture
def page(browser, address):
    browser.open("about:blank")
    browser.console.clear()
    browser.open(address)
    browser.until("document.querySelectorAll('.request').length == 9")
    yield browser
    assert browser.console == []


def press(page, *keys):
    for key in keys:
        page.ask(
            f"dispatchEvent(new KeyboardEvent('keydown', {{key: {key!r}}}))"
        )


def look_for(page, text):
    page.ask(
        "(field => { field.value = "
        f"{text!r}; field.dispatchEvent(new Event('input')); }})"
        "(document.getElementById('filter'))"
    )


def texts(page, selector):
    return page.ask(
        f"[...document.querySelectorAll({selector!r})]"
        ".map(each => each.textContent)"
    )


def click_row(page, text):
    page.ask(
        "[...document.querySelectorAll('.row:not(.lane-heads)')]"
        f".find(each => each.textContent.includes({text!r})).click()"
    )


def test_it_shows_each_request_and_the_newest_first(page):
    assert texts(page, ".request .target") == [
        *("/users/2", "/large/12", "/large/20", "/users/1", "/echo"),
        *("/" + BAD.replace(" ", "%20"), "/broken", "/users/x", "/users/9"),
    ]
    assert texts(page, ".request .code") == [
        *("200", "200", "200", "200", "101"),
        *("404", "500", "404", "200"),
    ]
    assert page.ask("document.getElementById('status').className") == "live"


def test_no_element_comes_of_what_was_sent(page):
    look_for(page, "img")
    press(page, "3")
    for view in "lom":
        press(page, view)
        for _ in range(8):
            press(page, "j")
            assert page.ask("document.querySelectorAll('img').length") == 0
    assert page.ask("document.title") == "X-ray"
    assert page.ask("document.body.innerText.includes('<img%20src=x')")


def test_what_a_websocket_says_is_shown_as_text(page):
    look_for(page, "/echo")
    click_row(page, "receive receive")
    assert texts(page, ".body") == [BAD]
    assert page.ask("document.querySelectorAll('img').length") == 0


def test_secrets_are_not_in_the_page(page):
    look_for(page, "/users/9")
    click_row(page, "Request POST")
    assert "<redacted 13 B" in page.ask("document.body.innerText")
    assert "sesame" not in page.ask("document.body.innerText")


@pytest.mark.parametrize(
    ("filter_", "targets"),
    [
        ("status:5xx", ["/broken"]),
        ("status:404 method:get -img", ["/users/x"]),
        ("protocol:2 path:users", ["/users/2", "/users/1"]),
        ("stream:3", ["/large/20"]),
        ("layer:route verdict:converter", ["/users/x"]),
        ("name:ws.frame", ["/echo"]),
        ("x-stamp:42 post", ["/users/9"]),
        (">50s", []),
        ("<50s users/9", ["/users/9"]),
        ("tostring:x", []),
    ],
)
def test_a_filter_picks_requests(page, filter_, targets):
    look_for(page, filter_)
    assert texts(page, ".request .target") == targets


def test_the_address_can_say_what_is_looked_for(browser, address):
    browser.open("about:blank")
    browser.open(f"{address}#x-stamp:42%20status:2xx%20post")
    browser.until("document.querySelectorAll('.request').length == 1")
    assert texts(browser, ".request .target") == ["/users/9"]
    assert texts(browser, "#summary") == ["POST /users/9"]


def test_a_filter_of_layers_leaves_out_other_events(page):
    look_for(page, "layer:route /users/x")
    layers = page.ask(
        "[...document.querySelectorAll('.row:not(.lane-heads)')]"
        ".map(each => each.className.split(' ')[1])"
    )
    assert set(layers) == {"l-route"}


@pytest.mark.parametrize(
    ("request_", "lanes", "events"),
    [
        ("/users/9", "h1", ["accept", "Request", "EndOfMessage", "write"]),
        ("/users/1", "h2", ["preface", "SETTINGS", "HEADERS", "DATA"]),
        ("/echo", "h1", ["Request", "TEXT", "BINARY", "CLOSE"]),
    ],
)
def test_the_ladder_shows_the_whole_way(page, request_, lanes, events):
    look_for(page, request_)
    heads = f"socket {lanes} asgi Stamp ctx app route yours".split()
    assert texts(page, ".lane-heads div span") == heads
    told = texts(page, ".row b")
    assert [each for each in events if each in told] == events
    assert "route" in told or "match" in told


def test_levels_tell_more_or_less(page):
    look_for(page, "/users/9")
    counts = []
    for level in "123":
        press(page, level)
        counts.append(page.ask("document.querySelectorAll('.row').length"))
    assert counts == sorted(set(counts))
    press(page, "1")
    assert "load_user" in texts(page, ".row b")


def test_keys_step_through_events_and_requests(page):
    press(page, "J", "j", "j")
    assert texts(page, "#summary") == ["GET /large/12"]
    rows = "[...document.querySelectorAll('.row[id]')]"
    chosen = f"{rows}.findIndex(each => each.ariaSelected == 'true')"
    assert page.ask(chosen) == 1
    press(page, "k")
    assert page.ask(chosen) == 0
    press(page, "Escape", "K")
    assert page.ask(chosen) == -1
    assert texts(page, "#summary") == ["GET /users/2"]
    press(page, "/")
    assert page.ask("document.activeElement.id") == "filter"
    press(page, "?")
    assert page.ask("document.getElementById('help').open")


def test_an_event_shows_its_bytes_and_a_byte_its_event(page):
    look_for(page, "/users/1")
    click_row(page, "preface")
    chosen = "".join(texts(page, "#hex .chosen"))
    assert "PRI * HTTP/2.0" in chosen
    page.ask(
        "[...document.querySelectorAll('#hex .bytes')].at(-1)"
        ".dispatchEvent(new MouseEvent('mouseover', {bubbles: true}))"
    )
    assert texts(page, "#wire-note")[0].startswith("h2.frame")
    page.ask("[...document.querySelectorAll('#hex .bytes')].at(-1).click()")
    # It belongs to another request, which the filter leaves out.
    assert texts(page, "#detail .title") == ["h2.frame"]


def test_an_event_shows_the_states_before_and_after(page):
    look_for(page, "/users/9")
    click_row(page, "Request POST")
    states = page.ask(
        "[...document.querySelectorAll('.states')].map(e => e.ariaLabel)"
    )
    assert states == [
        "client: IDLE → SEND_BODY",
        "server: IDLE → SEND_RESPONSE",
    ]


def test_a_frame_shows_its_fields_and_the_tables(page):
    look_for(page, "/users/1")
    click_row(page, "HEADERS")
    titles = texts(page, "#detail h3")
    assert {"Streams", "HPACK"} <= set(titles)
    assert any(title.startswith("The decoder's table") for title in titles)
    assert any("indexed" in text for text in texts(page, "#detail small"))


def test_a_message_shows_what_each_skin_did(page):
    look_for(page, "/users/9")
    press(page, "o")
    assert "+ x-stamp: 42" in texts(page, ".onion .plus")
    press(page, "l")
    click_row(page, "send response.start")
    assert "+ x-stamp: 42" in texts(page, "#detail .plus")


def test_streams_share_a_connection_and_wait_for_their_windows(page):
    look_for(page, "/large/20")
    press(page, "m")
    assert texts(page, ".multiplex > .name > title") == [
        *("connection", "1 GET /users/1", "3 GET /large/20"),
        *("5 GET /large/12", "7 GET /users/2"),
    ]
    assert page.ask("document.querySelectorAll('rect.blocked').length") > 0
    assert page.ask("document.querySelectorAll('rect.frame').length") > 20


def test_an_event_leads_to_its_line(page):
    look_for(page, "/users/9")
    click_row(page, "load_user")
    page.until("document.querySelector('.listing .here')")
    assert texts(page, ".listing .here") == ["@app.before_request"]
    link = page.ask("document.getElementById('editor').href")
    assert link.startswith(f"vscode://file{PROGRAM}:")


@pytest.mark.parametrize(
    ("request_", "event", "file", "title"),
    [
        ("/users/9", "Request POST", "protocol/h1.py", "16. The HTTP/1.1"),
        ("/users/1", "HEADERS", "protocol/h2.py", "17. The HTTP/2"),
        ("/echo", "TEXT", "protocol/ws.py", "18. "),
        ("/users/9", "app(http)", "server/asyncio_shell.py", "15. "),
    ],
)
def test_an_event_leads_to_the_code_and_to_what_the_book_says_of_it(
    page, request_, event, file, title
):
    look_for(page, request_)
    click_row(page, event)
    page.until("document.querySelector('.book p')")
    [link] = texts(page, "#editor")
    assert link.startswith(f"microquart/{file}:")
    assert (
        texts(page, ".listing .here")[0]
        .lstrip()
        .startswith(("def ", "async def "))
    )
    assert texts(page, ".book summary")[0].startswith(title)
    assert all(len(text) > 20 for text in texts(page, ".book p"))


def test_an_event_says_in_which_task_it_was(page):
    look_for(page, "/users/9")
    click_row(page, "load_user")
    assert "task" in texts(page, ".pairs dt")
    assert "call r1" in texts(page, ".pairs dd")


# -- step by step --

CHOSEN = (
    "[...document.querySelectorAll('.row[id]')]"
    ".findIndex(each => each.ariaSelected == 'true')"
)


def faint(page) -> list[int]:
    """Return which rows are still to come."""
    return page.ask(
        "[...document.querySelectorAll('.row[id]')].flatMap("
        "(each, n) => each.classList.contains('ahead') ? [n] : [])"
    )


def test_steps_go_forward_and_back_and_what_comes_later_is_faint(page):
    look_for(page, "/users/9")
    count = page.ask("document.querySelectorAll('.row[id]').length")
    assert faint(page) == []
    press(page, ".", ".", ".")
    assert page.ask(CHOSEN) == 2
    assert faint(page) == list(range(3, count))
    press(page, ",")
    assert page.ask(CHOSEN) == 1
    assert texts(page, "#summary") == [f"2 of {count}"]
    assert page.ask("document.querySelectorAll('#hex .ahead').length") > 0
    page.ask("document.getElementById('forward').click()")
    assert page.ask(CHOSEN) == 2
    press(page, "Escape")
    assert faint(page) == []
    assert texts(page, "#summary") == ["POST /users/9"]


def test_a_step_can_lead_to_the_next_event_of_the_layer(page):
    look_for(page, "/users/9")
    click_row(page, "Request POST")
    press(page, "n")
    assert texts(page, "#detail .title") == ["h1.state"]
    press(page, "N")
    assert texts(page, "#detail .said")[0].startswith("← Request")


def test_play_goes_on_until_an_event_and_then_stands(page):
    look_for(page, "/users/9")
    page.ask("document.getElementById('until').value = 'name:h1.state'")
    press(page, " ")
    assert page.ask("document.getElementById('play').ariaPressed") == "true"
    page.until("document.getElementById('play').ariaPressed == 'false'")
    assert texts(page, "#detail .title") == ["h1.state"]
    page.ask("document.getElementById('until').value = 'load_user user'")
    page.ask(
        "document.getElementById('until').dispatchEvent(new KeyboardEvent("
        "'keydown', {key: 'Enter', bubbles: true}))"
    )
    assert texts(page, "#detail .title") == ["user.call"]
    page.ask("document.getElementById('until').value = ''")
    press(page, " ")
    press(page, " ")
    assert page.ask("document.getElementById('play').ariaPressed") == "false"


def test_the_onion_and_the_streams_show_what_has_happened_so_far(page):
    look_for(page, "/users/9")
    press(page, "o")
    whole = page.ask("document.querySelectorAll('.message').length")
    press(page, ".")
    assert page.ask("document.querySelectorAll('.message').length") < whole
    look_for(page, "/users/1")
    press(page, "l", ".", "m")
    assert page.ask("document.querySelectorAll('.frame.ahead').length") > 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_stands_out_at_1280_pixels(page, scheme):
    page.prefer(scheme)
    grounds = page.ask("getComputedStyle(document.body).backgroundColor")
    assert (
        grounds
        == {
            "light": "rgb(251, 251, 250)",
            "dark": "rgb(20, 22, 26)",
        }[scheme]
    )
    assert page.fits()
    for name in ("request-list", "tabs", "view", "detail", "hex"):
        assert page.ask(
            f"(e => e.scrollWidth <= e.clientWidth)"
            f"(document.getElementById({name!r}))"
        ), name


def test_everything_to_press_has_a_name(page):
    nameless = page.ask(
        "[...document.querySelectorAll('button, input, [role=listbox],"
        " [role=tabpanel], [role=img]')]"
        ".filter(e => !(e.ariaLabel || e.getAttribute('aria-labelledby')"
        " || e.textContent.trim())).length"
    )
    assert nameless == 0


def test_it_goes_on_when_the_server_has_come_back(browser, tmp_path):
    chosen = {"MICROQUART_TRACE_TOKEN": "t" * 22}
    options = ("--trace", "--trace-port")
    port = str(free_port("127.0.0.1", 18001))
    shown = "document.querySelectorAll('.request').length"
    status = "document.getElementById('status').className"
    with started(PROGRAM, *options, port, **chosen) as server:
        browser.open(f"http://127.0.0.1:{port}/{'t' * 22}/")
        httpx.get(f"http://127.0.0.1:{server.port}/users/1")
        browser.until(f"{shown} == 1")
        server.stop()
    browser.until(f"{status} == 'away'")
    with started(PROGRAM, *options, port, **chosen) as server:
        browser.until(f"{status} == 'live'")
        browser.until(f"{shown} == 0")
        httpx.get(f"http://127.0.0.1:{server.port}/users/2")
        browser.until(f"{shown} == 1")
        browser.open("about:blank")
        server.stop()


async def test_a_saved_trace_is_the_same_page(browser, tmp_path):
    t = await over_http2()
    path = tmp_path / "trace.html"
    path.write_text(html.document(t, t.head))
    browser.open("about:blank")
    browser.console.clear()
    browser.open(path.as_uri())
    assert texts(browser, ".request .method") == ["POST", "GET"]
    assert texts(browser, "#status")[0].startswith("recorded ")
    press(browser, "j")
    assert texts(browser, "#detail .title") == ["net.accept"]
    assert browser.console == []


async def test_a_saved_trace_has_the_code_of_the_package_alone(
    browser, tmp_path
):
    t = await over_http2()
    path = tmp_path / "trace.html"
    path.write_text(html.document(t, t.head))
    browser.open("about:blank")
    browser.console.clear()
    browser.open(path.as_uri())
    click_row(browser, "HEADERS")
    browser.until("document.querySelector('.book p')")
    assert texts(browser, ".listing .here")[0].startswith("    def ")
    assert browser.ask("document.getElementById('editor')") is None
    click_row(browser, "load_user")
    assert texts(browser, ".listing") == []
    assert "recorded.py" in texts(browser, "#detail h3")[0]
    assert str(Path.cwd()) not in path.read_text()
    assert browser.console == []
