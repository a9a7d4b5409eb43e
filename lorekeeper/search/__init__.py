"""Looking into a world: search, summary, tags, what is said of an entity and where it is mentioned."""
