"""Folders of Markdown notes."""

from pathlib import Path
from uuid import UUID

import pytest

from lorekeeper.cli.notes.building import NotesError, NotesReport, read_folder
from lorekeeper.contracts.bundle import BundleEntity, WorldBundle

WORLD = UUID(int=1)


class Folder:
    """A folder to be read, written note by note."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, notes: dict[str, str]) -> None:
        for path, text in notes.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_bytes(text.encode())

    def read(self, *, stubs: bool = False) -> tuple[WorldBundle, NotesReport]:
        return read_folder(self.root, "A world", WORLD, stubs=stubs)

    def entities(self) -> dict[str, BundleEntity]:
        return {entity.name: entity for entity in self.read()[0].entities}

    def claims(self, *, stubs: bool = False) -> set[tuple[str, str, str]]:
        """Subject, predicate and object, by where their notes lie, or by name where there is no note."""
        bundle, _ = self.read(stubs=stubs)
        name = {entity.id: entity.metadata.get("note_path", entity.name) for entity in bundle.entities}
        return {(name[c.subject_entity_id], c.predicate, name[c.object_entity_id]) for c in bundle.claims}

    def problems(self) -> list[str]:
        with pytest.raises(NotesError) as caught:
            self.read()
        return [str(problem) for problem in caught.value.problems]
