"""Pages of errors: what they show on this machine, and to nobody else."""

import pytest

from microquart import Quart, abort, render_template_string, request
from tests.server.asking import ask, both
from tests.server.running import running

HOSTILE = "<script>alert(1)</script>"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;"
BROWSER = ("accept", "text/html, */*;q=0.8")
TRUSTED = {"proxy_headers": True, "forwarded_allow_ips": ("127.0.0.1",)}


def site(debug: bool = True) -> Quart:
    app = Quart(__name__)
    app.config.update(
        DEBUG=debug,
        SECRET_KEY="deep secret",
        DATABASE="postgresql://me:deep-secret@db/shop",
    )

    @app.get("/fails")
    async def fails() -> str:
        local = "local".upper()
        raise ValueError(HOSTILE + local[:0])

    @app.get("/refuses")
    async def refuses() -> str:
        abort(404, request.args["why"])

    @app.get("/template")
    async def template() -> str:
        return await render_template_string(
            "{{ text }}<script>x = {{ text|tojson }}</script>",
            text=request.args["text"],
        )

    return app


@both
async def test_this_machine_sees_what_has_failed(loop_name, version):
    fields = [BROWSER, ("cookie", "session=deep"), ("x-hostile", HOSTILE)]
    async with running(site()) as server:
        answer = await ask(
            server, version, "/fails", *fields, host="localhost:8000"
        )
    assert answer.status == 500
    assert f"<h1>ValueError: {ESCAPED}</h1>" in answer.text
    assert answer.text.count(ESCAPED) > 1  # also that of the field
    assert "<script" not in answer.text
    assert "test_debug_page.py" in answer.text
    for secret in ("deep", "LOCAL"):
        assert secret not in answer.text
    assert answer["content-security-policy"].startswith("default-src 'none'")
    assert answer["cache-control"] == "no-store"


STRANGERS = {
    "of another host": ("evil.example", []),
    "of another name": ("localhost.evil.example", []),
    "forwarded": ("localhost", [("x-forwarded-for", "192.0.2.1")]),
    "in a chain": ("localhost", [("x-forwarded-for", "127.0.0.1, 192.0.2.1")]),
    "by nginx": ("localhost", [("x-real-ip", "192.0.2.1")]),
    "by RFC 7239": ("localhost", [("forwarded", "for=192.0.2.1")]),
}


@both
@pytest.mark.parametrize("settings", [{}, TRUSTED], ids=["", "trusted"])
async def test_strangers_get_a_page_that_says_nothing(
    loop_name, version, settings
):
    async with running(site(), **settings) as server:
        for host, fields in STRANGERS.values():
            for path in ("/fails", "/nowhere"):
                answer = await ask(
                    server, version, path, BROWSER, *fields, host=host
                )
                assert answer.status == (500 if path == "/fails" else 404)
                assert len(answer.content) < 500
                for word in ("ValueError", "alert", "/template", ".py"):
                    assert word not in answer.text


async def test_who_comes_from_elsewhere_is_a_stranger(loop_name):
    """No field says so: the address does, as a load balancer tells it."""
    said = b"GET /fails HTTP/1.0\r\nHost: localhost\r\n\r\n"
    async with running(site(), proxy_protocol=True, **TRUSTED) as server:
        found = {}
        for address in (b"127.0.0.1", b"192.0.2.1"):
            line = b"PROXY TCP4 %b 127.0.0.1 4711 80\r\n" % address
            found[address] = b"ValueError" in await server.says(line + said)
    assert found == {b"127.0.0.1": True, b"192.0.2.1": False}


@both
async def test_without_debug_mode_nobody_sees_anything(loop_name, version):
    async with running(site(debug=False)) as server:
        answer = await ask(
            server, version, "/fails", BROWSER, host="localhost"
        )
    assert answer.status == 500
    for word in ("ValueError", "alert", ".py"):
        assert word not in answer.text


@both
@pytest.mark.parametrize("debug", [True, False])
async def test_nothing_of_a_request_is_interpreted(loop_name, version, debug):
    hostile = HOSTILE.replace("<", "%3C").replace(">", "%3E")
    async with running(site(debug)) as server:
        for path in (
            f"/nowhere/{hostile}",
            f"/nowhere?{hostile}",
            f"/refuses?why={hostile}",
        ):
            answer = await ask(
                server, version, path, BROWSER, host="localhost"
            )
            assert answer.status == 404
            assert "<script" not in answer.text


@both
async def test_templates_escape_what_they_show(loop_name, version):
    target = "/template?text=%3C/script%3E%3Cb%3E%27%22"
    async with running(site()) as server:
        answer = await ask(server, version, target)
    shown, _, script = answer.text.partition("<script>")
    assert shown == "&lt;/script&gt;&lt;b&gt;&#39;&#34;"
    assert script == (
        'x = "\\u003c/script\\u003e\\u003cb\\u003e\\u0027\\""</script>'
    )
