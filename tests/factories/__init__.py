"""Lore, jobs and files to test with, made over HTTP like anybody's."""
