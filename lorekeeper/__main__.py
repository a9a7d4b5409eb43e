"""`python -m lorekeeper`."""

from lorekeeper.cli.main import run

if __name__ == "__main__":
    run()
