"""What a prompt may say: the built-in schemas, and those of the operator in their place."""
