"""What an operator says of predicates, and the contradictions that follow from it."""
