"""How to test what depends on the protocol: clients that speak it."""

import httpx
import pytest

DELAY = 0.1  # seconds for a tile


@pytest.fixture
def server(serve, tmp_path):
    return serve(
        QUART_OTHER_PORT=0, QUART_DELAY=DELAY, XDG_CONFIG_HOME=tmp_path
    )


def other(server):
    """Return the address of the server that knows no HTTP/2."""
    page = httpx.get(server.url, verify=False).text
    port = page.split("${location.hostname}:")[1].split("`")[0]
    return f"https://127.0.0.1:{port}"


@pytest.mark.slow
def test_each_port_speaks_its_version(server):
    with httpx.Client(http2=True, verify=False) as client:
        for url, version in ((server.url, "2"), (other(server), "1.1")):
            response = client.get(f"{url}/tiles/0.svg")
            assert response.http_version.removeprefix("HTTP/") == version
            assert f">{version}</text>" in response.text
        assert client.get(f"{server.url}/tiles/100.svg").status_code == 404


@pytest.mark.slow
def test_over_http_2_a_browser_has_them_all_at_once(server, browser):
    browser.open(server.url)
    seconds = browser.ask("loaded")
    assert seconds["h1"] > 100 / 6 * DELAY
    assert seconds["h2"] < seconds["h1"]
    shown = [
        browser.ask(f"document.querySelector('#{name} output').innerText")
        for name in ("h1", "h2")
    ]
    assert shown[0].endswith("s, http/1.1")
    assert shown[1].endswith("s, h2")
    browser.size(400)
    assert browser.fits()
