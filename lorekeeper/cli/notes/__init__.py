"""A folder of Markdown notes, as Obsidian users keep them, read into a world bundle (docs/notes.md).

    folder ──walk, read──▶ notes ──front matter, body──▶ links, fields, tags ──lookup──▶ entities, sources, claims

All of it is the client's: the folder is read on this machine, and only what became of it is sent.
"""
