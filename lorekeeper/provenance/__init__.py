"""Derivations and lore snapshots: what exactly an asset was made from."""
