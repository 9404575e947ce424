"""A page in a headless Chromium, for tests: open it, and ask it questions.

Chromium says by WebSocket what its developer tools know (the DevTools
protocol).  A question is JavaScript; a promise is awaited.
"""

import base64
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

TIMEOUT = 10.0  # seconds for any answer

OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-quic", "--hide-scrollbars"),
    *("--ignore-certificate-errors", "--remote-debugging-port=0"),
)


class PageError(Exception):
    """What was run in the page has raised; the message is its own."""


class Page:
    """One page, and what it has written to its console."""

    def __init__(self, socket: ClientConnection) -> None:
        self.console: list[str] = []
        self._socket = socket
        self._numbers = count(1)
        self._events: set[str] = set()
        self._call("Page.enable")
        self._call("Runtime.enable")

    def open(self, url: str) -> None:
        """Go there, and wait until the page has loaded."""
        self._events.discard("Page.loadEventFired")
        self._call("Page.navigate", url=url)
        while "Page.loadEventFired" not in self._events:
            self._receive()

    def ask(self, expression: str) -> Any:
        """Return the value of an expression in the page, as JSON has it."""
        answer = self._call(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            exception = details.get("exception", {})
            raise PageError(exception.get("description", details["text"]))
        return answer["result"].get("value")

    def until(self, condition: str) -> Any:
        """Wait until a condition holds in the page; return its value."""
        return self.ask(
            "new Promise((done, failed) => {"
            f" const late = Date.now() + {TIMEOUT * 1000 - 1000};"
            " const look = () => {"
            f" const value = ({condition});"
            " if (value) done(value);"
            f" else if (Date.now() > late) failed(new Error({condition!r}));"
            " else setTimeout(look, 10); };"
            " look(); })"
        )

    def submit(self, form: str, **fields: str) -> None:
        """Fill in a form, named by a selector, and wait for what follows."""
        self._events.discard("Page.loadEventFired")
        self.ask(
            f"(fields => {{ const form = document.querySelector({form!r});"
            " for (const name in fields)"
            " form.elements[name].value = fields[name];"
            f" form.requestSubmit(); }})({json.dumps(fields)})"
        )
        while "Page.loadEventFired" not in self._events:
            self._receive()

    def size(self, width: int, height: int = 800) -> None:
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def fits(self) -> bool:
        """Tell whether nothing stands out on the right of the window."""
        fits: bool = self.ask(
            "document.documentElement.scrollWidth <= innerWidth"
        )
        return fits

    def prefer(self, scheme: str) -> None:
        """Be a browser whose person wants ``light`` or ``dark`` pages."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self._call("Emulation.setEmulatedMedia", features=[feature])

    def run_scripts(self, on: bool) -> None:
        """Run the scripts of the pages that are opened next, or do not."""
        self._call("Emulation.setScriptExecutionDisabled", value=not on)

    def save_picture(self, path: Path) -> None:
        answer = self._call("Page.captureScreenshot")
        path.write_bytes(base64.b64decode(answer["data"]))

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        self._socket.send(json.dumps(message))
        while (answer := self._receive()).get("id") != number:
            pass
        if "error" in answer:
            raise PageError(answer["error"]["message"])
        result: dict[str, Any] = answer["result"]
        return result

    def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv(TIMEOUT))
        self._events.add(message.get("method", ""))
        if message.get("method") == "Runtime.consoleAPICalled":
            values = message["params"]["args"]
            self.console += [str(value.get("value")) for value in values]
        elif message.get("method") == "Runtime.exceptionThrown":
            self.console.append(str(message["params"]["exceptionDetails"]))
        return message


@contextmanager
def browsing(chromium: str) -> Iterator[Page]:
    """Run a browser with an empty profile round a block."""
    profile = tempfile.mkdtemp()
    process = subprocess.Popen(
        [chromium, *OPTIONS, f"--user-data-dir={profile}", "about:blank"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        address = ""
        for line in process.stderr:
            if found := re.search(r"DevTools listening on (\S+)", line):
                address = found[1]
                break
        assert address, "the browser does not start"
        with connect(page_of(address), max_size=None) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        process.communicate()
        shutil.rmtree(profile, ignore_errors=True)


def page_of(address: str) -> str:
    """Return the address of the first page of a browser's address."""
    with connect(address) as socket:
        socket.send('{"id": 1, "method": "Target.getTargets"}')
        found = json.loads(socket.recv(TIMEOUT))["result"]["targetInfos"]
    page = next(each for each in found if each["type"] == "page")
    root = address.rpartition("/devtools/")[0]
    return f"{root}/devtools/page/{page['targetId']}"
