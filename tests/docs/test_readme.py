"""The picture of README.md is drawn from a trace of its own program."""

import re
from pathlib import Path

import httpx

import microquart
from tests.server.running import running

README = (Path(__file__).parents[2] / "README.md").read_text()


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found is not None, f"README.md has no {language} block"
    return found[1]


async def test_the_picture_is_the_trace_of_the_program_above_it():
    space = {"__name__": "readme"}
    exec(block("python"), space)
    path = re.search(r"GET (\S+)", block("mermaid"))
    assert path is not None
    async with running(space["app"]) as server:
        with microquart.trace(server.shells) as trace:
            async with httpx.AsyncClient() as client:
                await client.get(f"http://127.0.0.1:{server.port}{path[1]}")
    assert trace.to_mermaid().strip() == block("mermaid").strip()
