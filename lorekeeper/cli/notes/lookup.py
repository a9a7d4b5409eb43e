"""Which note a link means, by the rules that Obsidian resolves links by."""

import posixpath
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lorekeeper.cli.notes.folder import NOTE_SUFFIX, comparable


class Found(NamedTuple):
    """The note that is meant, and the others that could have been."""

    path: str
    others: tuple[str, ...] = ()


class Lookup:
    """The notes of a folder by path, by name and by alias. Case makes no difference.

    A link with `/` names the end of a path. Of several notes that fit, the one at exactly that path goes first, then
    one in the folder of the note that links, then one below it, then the one that lies least deep, then by the
    alphabet. A name goes before an alias.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._key_of: dict[str, str] = {}
        self._of_path: dict[str, str] = {}
        self._of_name: dict[str, list[str]] = {}
        self._of_alias: dict[str, list[str]] = {}
        for path in paths:
            key = self._key_of[path] = _key(path)
            self._of_path.setdefault(key, path)
            self._of_name.setdefault(key.rpartition("/")[2], []).append(path)

    def add_aliases(self, path: str, aliases: Iterable[str]) -> None:
        for alias in dict.fromkeys(map(comparable, aliases)):
            self._of_alias.setdefault(alias, []).append(path)

    def find(self, target: str, linking: str) -> Found | None:
        """The note that `target`, a link's without its heading, means in the note `linking`."""
        wanted = _key(target)
        folder = _folder(self._key_of[linking])
        if wanted.startswith("/"):
            return self._at(wanted.lstrip("/"))
        if wanted.startswith(("./", "../")):
            return self._at(posixpath.normpath(posixpath.join(folder, wanted)))
        ending = "/" + wanted
        named = self._of_name.get(wanted.rpartition("/")[2], ())
        fitting = [path for path in named if ("/" + self._key_of[path]).endswith(ending)]
        return self._nearest(fitting, wanted, folder) or self._nearest(self._of_alias.get(wanted, []), wanted, folder)

    def find_path(self, target: str, linking: str) -> Found | None:
        """The same for `[shown](target)`: counted from the folder of the note that links, where it fits there."""
        beside = posixpath.normpath(posixpath.join(_folder(self._key_of[linking]), _key(target)))
        return self._at(beside) or self.find(target, linking)

    def _at(self, key: str) -> Found | None:
        path = self._of_path.get(key)
        return Found(path) if path else None

    def _nearest(self, paths: list[str], wanted: str, folder: str) -> Found | None:
        def distance(path: str) -> tuple[bool, bool, bool, int, str]:
            key = self._key_of[path]
            within = _folder(key)
            below = not folder or within.startswith(folder + "/")
            return key != wanted, within != folder, not below, key.count("/"), path

        if len(paths) > 1:
            paths = sorted(paths, key=distance)
        return Found(paths[0], tuple(paths[1:])) if paths else None


def _key(path: str) -> str:
    key = comparable(path.strip())
    return key.removesuffix(NOTE_SUFFIX)


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def most_linked(counts: Mapping[str, int], most: int) -> str:
    """The names that stand highest, with how often each is there, for a person to read."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    names = [f"{name} ({count})" if count > 1 else name for name, count in ordered[:most]]
    return ", ".join([*names, "…"] if len(ordered) > most else names)
