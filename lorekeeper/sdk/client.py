"""The synchronous client. It is safe to share between threads."""

from pathlib import Path
from types import TracebackType
from typing import Self

from lorekeeper.sdk import configuration
from lorekeeper.sdk.assets import Assets
from lorekeeper.sdk.canon import Canon
from lorekeeper.sdk.configuration import Access
from lorekeeper.sdk.jobs import Jobs
from lorekeeper.sdk.keys import Keys
from lorekeeper.sdk.lore import Claims, Entities, Sources, Worlds
from lorekeeper.sdk.prompts import PromptSchemas
from lorekeeper.sdk.retrying import DEFAULT_ATTEMPTS
from lorekeeper.sdk.search import Search
from lorekeeper.sdk.system import System
from lorekeeper.sdk.transfer import Store
from lorekeeper.sdk.transport import Transport

DEFAULT_TIMEOUT_SECONDS = 30.0


class Client:
    """LoreKeeper over HTTP.

        with Client.from_environment() as client:
            world = client.worlds.create(WorldCreate(name="Thornmere"))

    Every method answers a model of `lorekeeper.contracts` and raises what `lorekeeper.sdk.errors` draws. Requests that
    can safely be repeated are, up to `attempts` times with exponential back-off. `timeout` is in seconds and counts
    for each try; where the server may take long on purpose, that time comes on top.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        attempts: int = DEFAULT_ATTEMPTS,
    ) -> None:
        self._transport = Transport(configuration.checked(url, api_key), timeout=timeout, attempts=attempts)
        self._store = Store(timeout=timeout, attempts=attempts)
        self.worlds = Worlds(self._transport)
        self.entities = Entities(self._transport)
        self.sources = Sources(self._transport)
        self.claims = Claims(self._transport)
        self.canon = Canon(self._transport)
        self.jobs = Jobs(self._transport)
        self.assets = Assets(self._transport, self._store)
        self.prompt_schemas = PromptSchemas(self._transport)
        self.keys = Keys(self._transport)
        self.search = Search(self._transport)
        self.system = System(self._transport)

    @classmethod
    def from_environment(cls, *, attempts: int = DEFAULT_ATTEMPTS) -> Self:
        """By `LOREKEEPER_URL` and `LOREKEEPER_API_KEY`, else the server on this machine's default data folder.

        Raises `ConfigurationError` where neither is there.
        """
        return cls._of(configuration.from_environment(), attempts)

    @classmethod
    def of_data_dir(cls, data_dir: Path, *, attempts: int = DEFAULT_ATTEMPTS) -> Self:
        """The server that runs on this data folder, with the folder's admin key. Raises `ConfigurationError`."""
        return cls._of(configuration.of_data_dir(data_dir), attempts)

    @classmethod
    def _of(cls, access: Access, attempts: int) -> Self:
        return cls(access.url, access.api_key, attempts=attempts)

    @property
    def url(self) -> str:
        """The server's URL."""
        return self._transport.access.url

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
