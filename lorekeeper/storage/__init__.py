"""The object store: where the files are."""
