"""What the tests stand on: real engines, a database of one's own, the running app, and a way to talk to it."""
