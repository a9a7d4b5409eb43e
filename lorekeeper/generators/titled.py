"""A picture's title in its own file, where viewers show it and a film's credits find it."""

from PIL.PngImagePlugin import PngInfo

TITLE = "Title"
"""The keyword for it (PNG specification, section 11.3.3.1)."""


def titled(title: str) -> PngInfo:
    """What to save a PNG with, so that it bears the title."""
    info = PngInfo()
    if title:
        info.add_itxt(TITLE, title)
    return info
