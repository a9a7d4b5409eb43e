"""Where a downloaded file goes: under a name that says what it is, and never in the place of another."""

import hashlib
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from lorekeeper.cli.commissions import file_name
from lorekeeper.cli.terminal import CommandError, require_folder_of, short
from lorekeeper.contracts.assets import AssetFullResponse, AssetResponse


class Place(NamedTuple):
    """A path, and whether the asset's file lies there already."""

    path: Path
    is_there: bool


def place_for(asset: AssetFullResponse, to: Path, *, force: bool) -> Place:
    """In a folder, under the asset's title or else its stored name, with the end of its id where that name is taken.

    Raises `CommandError` where another file lies there, unless it may be replaced, and where the folder is missing.
    """
    if not to.is_dir():
        require_folder_of(to)
        return _checked(asset, to, force=force)
    plain = to / name_of(asset)
    if not plain.exists() or _is_file_of(asset, plain):
        return _checked(asset, plain, force=False)
    return _checked(asset, plain.with_name(f"{plain.stem}-{short(asset.id)}{plain.suffix}"), force=force)


def name_of(asset: AssetFullResponse) -> str:
    """A name for the asset's file."""
    title = next((told for one in asset.derivations if isinstance(told := one.prompt_spec.get("title"), str)), "")
    return file_name(title, asset.format) if title.strip() and asset.format.isalnum() else stored_name(asset)


def stored_name(asset: AssetResponse) -> str:
    """The name that the file was uploaded under, reduced to what leads out of no folder."""
    name = PureWindowsPath(asset.storage_key.rpartition("/")[2].partition("_")[2].replace("\x00", "")).name
    return name if name.strip(". ") else str(asset.id)


def _checked(asset: AssetFullResponse, path: Path, *, force: bool) -> Place:
    if not path.exists():
        return Place(path, is_there=False)
    if _is_file_of(asset, path):
        return Place(path, is_there=True)
    if not force:
        raise CommandError(f"there is another file {path} already: name another with --out, or replace it with --force")
    return Place(path, is_there=False)


def _is_file_of(asset: AssetResponse, path: Path) -> bool:
    if not path.is_file() or path.stat().st_size != asset.size_bytes:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == asset.checksum
