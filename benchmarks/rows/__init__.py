"""One module a row, each with `measure(stage) -> Row`."""
