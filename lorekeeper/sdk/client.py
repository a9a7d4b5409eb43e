"""The two clients, for callers who block and for callers who await. They offer the very same."""

from pathlib import Path
from types import TracebackType
from typing import Generic, Self

from lorekeeper.sdk import configuration
from lorekeeper.sdk.assets import Assets
from lorekeeper.sdk.canon import Canon
from lorekeeper.sdk.execution import Async, Sync
from lorekeeper.sdk.jobs import Jobs
from lorekeeper.sdk.keys import Keys
from lorekeeper.sdk.lore import Claims, Entities, Sources, Worlds
from lorekeeper.sdk.operations import ExecutionT, Line
from lorekeeper.sdk.prompts import PromptSchemas
from lorekeeper.sdk.retrying import DEFAULT_ATTEMPTS
from lorekeeper.sdk.search import Search
from lorekeeper.sdk.system import System
from lorekeeper.sdk.transfer import Store
from lorekeeper.sdk.transport import Transport

DEFAULT_TIMEOUT_SECONDS = 30.0


class _Groups(Generic[ExecutionT]):
    """What a client offers."""

    _kind: type[ExecutionT]

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        attempts: int = DEFAULT_ATTEMPTS,
    ) -> None:
        execution = self._kind()
        transport = Transport(configuration.checked(url, api_key), execution, timeout=timeout, attempts=attempts)
        store = Store(execution, timeout=timeout, attempts=attempts)
        self._line = line = Line(transport, store, execution)
        self.worlds = Worlds(line)
        self.entities = Entities(line)
        self.sources = Sources(line)
        self.claims = Claims(line)
        self.canon = Canon(line)
        self.jobs = Jobs(line)
        self.assets = Assets(line)
        self.prompt_schemas = PromptSchemas(line)
        self.keys = Keys(line)
        self.search = Search(line)
        self.system = System(line)

    @classmethod
    def from_environment(cls, *, attempts: int = DEFAULT_ATTEMPTS) -> Self:
        """By `LOREKEEPER_URL` and `LOREKEEPER_API_KEY`, else the server on this machine's default data folder.

        Raises `ConfigurationError` where neither is there.
        """
        access = configuration.from_environment()
        return cls(access.url, access.api_key, attempts=attempts)

    @classmethod
    def of_data_dir(cls, data_dir: Path, *, attempts: int = DEFAULT_ATTEMPTS) -> Self:
        """The server that runs on this data folder, with the folder's admin key. Raises `ConfigurationError`."""
        access = configuration.of_data_dir(data_dir)
        return cls(access.url, access.api_key, attempts=attempts)

    def like_this(self, *, timeout: float, attempts: int) -> Self:
        """Another client of the same server and key, with connections and patience of its own."""
        access = self._line.transport.access
        return type(self)(access.url, access.api_key, timeout=timeout, attempts=attempts)

    @property
    def url(self) -> str:
        """The server's URL."""
        return self._line.transport.access.url

    async def _close(self) -> None:
        self._line.execution.close()
        await self._line.transport.close()
        await self._line.store.close()


class Client(_Groups[Sync]):
    """LoreKeeper over HTTP. Safe to share between threads.

        with Client.from_environment() as client:
            world = client.worlds.create(WorldCreate(name="Thornmere"))

    Every method answers a model of `lorekeeper.contracts` and raises what `lorekeeper.sdk.errors` draws. Requests that
    can safely be repeated are, up to `attempts` times with exponential back-off. `timeout` is in seconds and counts
    for each try; where the server may take long on purpose, that time comes on top.
    """

    _kind = Sync

    def close(self) -> None:
        """Closes the connections, and ends every pause before another try."""
        self._line.execution.run(self._close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(_Groups[Async]):
    """LoreKeeper over HTTP, for asyncio: the methods of `Client`, awaited. It belongs to one event loop.

    async with AsyncClient.from_environment() as client:
        world = await client.worlds.create(WorldCreate(name="Thornmere"))
        async for entity in client.entities.iterate(world_id=world.id): ...
    """

    _kind = Async

    async def close(self) -> None:
        """Closes the connections."""
        await self._close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
