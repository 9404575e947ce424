"""What joins the processes of several machines: Redis (publish, subscribe).

It is away at times.  Who listens comes back by itself; what is said meanwhile
is not kept, and who says it is told so.
"""

import asyncio
from logging import getLogger

from audience import Hear
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

CHANNEL = "chat"
PAUSE = 0.5  # seconds between two attempts

logger = getLogger("microquart.app")


class RedisChannel:
    """Two connections of a process: one that listens, one that says.

    Raises:
        RuntimeError: this is no asyncio loop.
    """

    def __init__(self, hear: Hear[str], url: str) -> None:
        only_on_asyncio()
        self._hear = hear
        self._redis = Redis.from_url(
            url, decode_responses=True, retry=Retry(NoBackoff(), 1)
        )

    async def run(self) -> None:
        """Listen, for ever."""
        async with self._redis:
            while True:
                try:
                    await self._listen()
                except RedisError as error:
                    logger.warning("Redis is away: %s", error)
                await asyncio.sleep(PAUSE)

    async def _listen(self) -> None:
        async with self._redis.pubsub() as subscription:
            await subscription.subscribe(CHANNEL)
            async for message in subscription.listen():
                if message["type"] == "message":
                    await self._hear(message["data"])

    async def say(self, text: str) -> None:
        """Have all processes hear it, this one as well.

        Raises:
            ConnectionError: nobody would, at the moment.
        """
        try:
            await self._redis.publish(CHANNEL, text)
        except RedisError as error:
            raise ConnectionError(str(error)) from None


def only_on_asyncio() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "redis.asyncio does not run on trio: "
            "leave out --loop trio, or REDIS_URL"
        ) from None
