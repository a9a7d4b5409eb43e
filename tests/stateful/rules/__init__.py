"""What can be done, by what changes together."""
