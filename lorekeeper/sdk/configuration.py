"""Which server to talk to, and with which key."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from lorekeeper.places import ADMIN_KEY_FILE, SERVER_FILE, default_data_dir
from lorekeeper.sdk.errors import ConfigurationError

URL_VARIABLE = "LOREKEEPER_URL"
KEY_VARIABLE = "LOREKEEPER_API_KEY"


@dataclass(frozen=True, slots=True)
class Access:
    """A server's URL and a key for it."""

    url: str
    api_key: str = field(repr=False)


def from_environment() -> Access:
    """`LOREKEEPER_URL` and `LOREKEEPER_API_KEY`, else the server that runs on the default data folder of this machine.

    The admin key of a data folder is sent to that folder's own server only: a URL given without a key is an error.
    """
    url, key = os.environ.get(URL_VARIABLE), os.environ.get(KEY_VARIABLE)
    if url and key:
        return checked(url, key)
    if url:
        raise ConfigurationError(f"{URL_VARIABLE} is set but {KEY_VARIABLE} is not: set both")
    return of_data_dir(default_data_dir(), api_key=key)


def of_data_dir(data_dir: Path, *, api_key: str | None = None) -> Access:
    """The server that runs on this data folder, with the folder's admin key unless another one is given."""
    try:
        url = _read_url(data_dir / SERVER_FILE)
        key = api_key or (data_dir / ADMIN_KEY_FILE).read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        if Path(error.filename).name == SERVER_FILE:
            raise ConfigurationError(
                f"no LoreKeeper server runs on {data_dir}: start one with `lorekeeper serve`, "
                f"or set {URL_VARIABLE} and {KEY_VARIABLE}"
            ) from error
        raise ConfigurationError(f"there is no admin key in {data_dir}: set {KEY_VARIABLE}") from error
    except OSError as error:
        raise ConfigurationError(f"{error.filename} cannot be read: {error.strerror}") from error
    return checked(url, key)


def checked(url: str, api_key: str) -> Access:
    """The two as given, if they can be a URL and a key at all."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(f"{url!r} is not a server's URL: it should look like http://127.0.0.1:8420")
    if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
        raise ConfigurationError("the API key holds a character that no key has: was it copied whole?")
    return Access(url.rstrip("/"), api_key)


def _read_url(server_file: Path) -> str:
    text = server_file.read_text(encoding="utf-8")
    try:
        return str(json.loads(text)["url"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{server_file} is damaged: restart the server that runs on this folder") from error
