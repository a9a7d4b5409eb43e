"""The sample world, shipped with the package: *The Long Ebb*, in which a harbour stays open though its sea has left."""

from importlib.resources import files

from lorekeeper.contracts.bundle import WorldBundle, parse_bundle

SAMPLE_WORLD = "the-long-ebb.json"


def sample_world() -> WorldBundle:
    """The Long Ebb: its ids are fixed, so that what is written about it can name them."""
    return parse_bundle(files(__package__).joinpath(SAMPLE_WORLD).read_bytes())
