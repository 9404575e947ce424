"""How fast a peer sends or reads, while somebody waits for it.

There are two ways to be slow: to do nothing for a while, and to do so little,
again and again, that no while is long enough (slowloris in its two forms).
The seconds that count for the second are those up to the last byte: silence
is measured by itself.
"""

# In floating point (a + b) - a may be a hair less than b.
_HAIR = 1e-6


class Pace:
    """The bytes that one peer has moved, and the seconds it took for them.

    Made when the waiting begins.

    >>> pace = Pace(now=0.0)
    >>> pace.move(100, now=4.0)  # nobody waits, from here ...
    >>> pace.wait(now=60.0)  # ... to here
    >>> pace.move(100, now=62.0)
    >>> pace.moved, pace.seconds
    (200, 6.0)
    """

    __slots__ = ("_total", "moved", "seconds", "since")

    def __init__(self, now: float) -> None:
        self.moved = 0
        self.seconds = 0.0
        self.since: float | None = now  # None: nobody waits
        self._total: int | None = None

    def wait(self, now: float) -> None:
        """Somebody waits, if nobody has before."""
        if self.since is None:
            self.since = now

    def move(self, size: int, now: float) -> None:
        """So many bytes have moved, and the waiting has an end."""
        self.moved += size
        if self.since is not None:
            self.seconds += now - self.since
            self.since = None

    def reach(self, total: int, now: float) -> None:
        """Note a count that grows as bytes move; and the waiting goes on.

        The first time is the beginning: nobody knows what was before.

        >>> pace = Pace(now=0.0)
        >>> for now, total in (1.0, 700), (2.0, 800), (3.0, 800):
        ...     pace.reach(total, now)
        >>> pace.moved, pace.seconds, pace.since
        (100, 1.0, 2.0)
        """
        if self._total is None:
            self.since = now
        elif total > self._total:
            self.move(total - self._total, now)
            self.wait(now)
        self._total = total

    def is_slow(
        self,
        now: float,
        timeout: float | None,
        rate: int | None,
        grace: float,
    ) -> bool:
        """Return whether somebody has waited for too long.

        ``timeout``: seconds of silence; ``rate``: bytes a second, from
        ``grace`` seconds on.  None: no limit.

        >>> pace = Pace(now=0.0)
        >>> pace.move(100, now=11.0)
        >>> pace.wait(now=11.0)
        >>> pace.is_slow(11.0, timeout=30.0, rate=240, grace=10.0)
        True
        """
        if self.since is None:
            return False
        if timeout is not None and now - self.since + _HAIR >= timeout:
            return True
        beyond = self.seconds - grace
        return rate is not None and beyond > 0 and self.moved < rate * beyond
