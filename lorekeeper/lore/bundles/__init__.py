"""World bundles: a world's lore comes in as one document, and goes out as one (docs/world-bundle.md)."""
