"""Worlds, entities, sources and chunks, claims: the ground truth that assets are derived from."""
