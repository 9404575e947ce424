"""The check that every test passes through can fail."""

import asyncio
import os
import socket
import threading

import anyio
import anyio.to_thread
import pytest
import trio

from tests import leaks


def kinds(before: frozenset[leaks.Leftover]) -> list[str]:
    return [kind for kind, _, _ in leaks.held() - before]


def test_an_open_socket_is_seen():
    before = leaks.held()
    with socket.socket():
        assert kinds(before) == ["descriptor"]
    assert kinds(before) == []


def test_an_open_file_is_seen_by_its_name(tmp_path):
    before = leaks.held()
    with open(tmp_path / "left", "wb"):
        assert str(tmp_path / "left") in leaks.told(leaks.held() - before)


def test_a_descriptor_that_came_in_place_of_another_is_seen(tmp_path):
    first = os.open(tmp_path / "a", os.O_CREAT)
    before = leaks.held()
    os.close(first)
    second = os.open(tmp_path / "b", os.O_CREAT)
    assert second == first
    assert kinds(before) == ["descriptor"]
    os.close(second)


def test_a_running_thread_is_seen():
    before, stop = leaks.held(), threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    assert kinds(before) == ["thread"]
    stop.set()
    thread.join()
    assert kinds(before) == []


async def test_an_idle_thread_of_a_pool_is_not():
    before = leaks.held()
    await anyio.to_thread.run_sync(threading.get_ident)
    assert "thread" not in kinds(before)


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
async def test_a_task_of_asyncio_is_seen():
    before = leaks.held()
    task = asyncio.create_task(anyio.sleep_forever(), name="forgotten")
    assert "forgotten" in leaks.told(leaks.held() - before)
    task.cancel()
    await asyncio.wait([task])
    assert kinds(before) == []


@pytest.mark.parametrize("anyio_backend", ["trio"], indirect=True)
async def test_a_task_of_trio_is_seen():
    before = leaks.held()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        assert kinds(before) == ["task"]
        nursery.cancel_scope.cancel()
    assert kinds(before) == []


async def test_an_async_test_runs_on_the_loop_of_its_id(anyio_backend_name):
    assert anyio.get_current_task().name
    assert trio.lowlevel.in_trio_run() == (anyio_backend_name == "trio")


async def test_a_test_over_sockets_runs_on_three_loops(loop_name):
    if loop_name == "trio":
        assert trio.lowlevel.in_trio_run()
    else:
        module = type(asyncio.get_running_loop()).__module__.partition(".")[0]
        assert (
            module
            == {"asyncio": "asyncio", "asyncio+uvloop": "uvloop"}[loop_name]
        )
