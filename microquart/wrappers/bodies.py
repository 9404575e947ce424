"""The bodies of responses: something to enter, then to iterate for bytes.

::

    async with body as chunks:
        async for chunk in chunks:
            ...

Leaving a body closes what it holds, also when the client has gone half-way.
A body that knows its ``size`` can be cut to a range.
"""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from io import BytesIO, FileIO
from os import PathLike, fsdecode
from pathlib import Path
from types import TracebackType
from typing import TypeAlias, TypeVar

from microquart.threads import iterate_in_thread, run_in_thread

Chunk: TypeAlias = str | bytes
FilePath: TypeAlias = str | bytes | PathLike[str]
T = TypeVar("T")


class ResponseBody:
    """What every body can do; a body of your own starts here."""

    async def __aenter__(self) -> AsyncIterable[Chunk]:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None

    def __aiter__(self) -> AsyncIterator[Chunk]:
        raise NotImplementedError


class RangedBody(ResponseBody):
    """A body of ``size`` bytes, of which ``[begin, end)`` is sent."""

    begin = 0

    def __init__(self, size: int) -> None:
        self.size = self.end = size

    async def make_conditional(self, begin: int, end: int | None) -> int:
        """Send ``[begin, end)`` only and return the size of the whole.

        Raises:
            ValueError: there is nothing between ``begin`` and ``end``.
        """
        end = self.size if end is None else min(end, self.size)
        if not 0 <= begin < end:
            raise ValueError(f"no range {begin}-{end} in {self.size} bytes")
        self.begin, self.end = begin, end
        return self.size


class DataBody(RangedBody):
    """Bytes in memory; ``read()`` gives them without waiting."""

    def __init__(self, data: bytes) -> None:
        self.data = self.piece = data  # piece: what of it is sent
        self.size = self.end = len(data)

    async def make_conditional(self, begin: int, end: int | None) -> int:
        size = await super().make_conditional(begin, end)
        self.piece = self.data[self.begin : self.end]
        return size

    def read(self) -> bytes:
        return self.piece

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _InMemory(iter((self.read(),)))


class IterableBody(ResponseBody):
    """The items of an iterable, sync or async, as they come.

    Sync ones are advanced in threads, unless they lie in memory already.
    """

    def __init__(
        self, iterable: AsyncIterable[Chunk] | Iterable[Chunk]
    ) -> None:
        self.iter: AsyncIterator[Chunk]
        if isinstance(iterable, AsyncIterable):
            self.iter = aiter(iterable)
        elif isinstance(iterable, (list, tuple)):
            self.iter = _InMemory(iter(iterable))
        elif isinstance(iterable, Iterable):
            self.iter = iterate_in_thread(iterable)
        else:
            kind = type(iterable).__name__
            raise TypeError(
                f"a body is text, bytes or an iterable of these, not {kind}"
            )

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        close = getattr(self.iter, "aclose", None)
        if close is not None:
            await close()

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self.iter


class FileBody(RangedBody):
    """A file by its path: opened and read in threads.

    ``size`` in bytes spares the question to the file system, which is asked
    on the loop.

    Raises:
        OSError: ``size`` is not given, and there is no such file.
    """

    buffer_size = 128 * 1024  # bytes to read at a time

    def __init__(
        self,
        file_path: FilePath,
        *,
        buffer_size: int | None = None,
        size: int | None = None,
    ) -> None:
        self.file_path = Path(fsdecode(file_path))
        if size is None:
            size = self.file_path.stat().st_size
        super().__init__(size)
        if buffer_size is not None:
            self.buffer_size = buffer_size
        self.file: FileIO | None = None

    async def __aenter__(self) -> "FileBody":
        try:
            self._chunk = await run_in_thread(self._open)
        except BaseException:  # cancelled when the file was open
            self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def __aiter__(self) -> "FileBody":
        return self

    async def __anext__(self) -> bytes:
        chunk, self._chunk = self._chunk, b""
        if not chunk and self.file is not None:
            chunk = await run_in_thread(self._read)
        if not chunk:
            raise StopAsyncIteration
        return chunk

    # A journey to a thread and back costs more than reading a small file:
    # the first brings the first chunk home, and has closed what is read up.

    def _open(self) -> bytes:
        self.file = FileIO(self.file_path)
        self.file.seek(self.begin)
        self._left = self.end - self.begin
        return self._read()

    def _read(self) -> bytes:
        if self.file is None:
            return b""
        chunk = self.file.read(min(self.buffer_size, self._left))
        self._left -= len(chunk)
        if not chunk or not self._left:
            self._close()
        return chunk

    def _close(self) -> None:
        if self.file is not None:
            self.file.close()
            self.file = None


class IOBody(RangedBody):
    """The whole content of a BytesIO, wherever its position is."""

    buffer_size = 128 * 1024  # bytes in one chunk

    def __init__(
        self, io_stream: BytesIO, *, buffer_size: int | None = None
    ) -> None:
        self.io_stream = io_stream
        super().__init__(io_stream.getbuffer().nbytes)
        if buffer_size is not None:
            self.buffer_size = buffer_size

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _InMemory(self._pieces())

    def _pieces(self) -> Iterator[bytes]:
        for begin in range(self.begin, self.end, self.buffer_size):
            self.io_stream.seek(begin)
            yield self.io_stream.read(min(self.buffer_size, self.end - begin))


class _InMemory(AsyncIterator[T]):
    """Items that need no waiting for, given to who awaits them.

    Not an async generator: nobody has to close it.
    """

    def __init__(self, items: Iterator[T]) -> None:
        self._items = items

    async def __anext__(self) -> T:
        for item in self._items:
            return item
        raise StopAsyncIteration
