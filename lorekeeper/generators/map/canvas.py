"""The drawing model: an SVG document put together stroke by stroke. PNG is printed from it, so both look the same."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from html import escape

Point = tuple[float, float]


def line_of(points: Iterable[Point], *, closed: bool = False) -> str:
    """Path data through the points, to a tenth of a unit."""
    data = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return data + "Z" if closed else data


def disc_of(x: float, y: float, radius: float) -> str:
    half = f"a{radius:.1f} {radius:.1f} 0 1 0"
    return f"M{x - radius:.1f} {y:.1f}{half} {2 * radius:.1f} 0{half} {-2 * radius:.1f} 0Z"


class Canvas:
    """Collects elements in the order they are laid down."""

    def __init__(self) -> None:
        self._defs: list[str] = []
        self._body: list[str] = []

    def path(
        self,
        data: str,
        *,
        fill: str = "none",
        stroke: str | None = None,
        width: float = 1.0,
        opacity: float = 1.0,
        dash: str | None = None,
        cap: str = "round",
    ) -> None:
        if not data:
            return
        stroked = ""
        if stroke is not None:
            stroked = f' stroke="{stroke}" stroke-width="{width:.2f}" stroke-linecap="{cap}" stroke-linejoin="round"'
            if dash:
                stroked += f' stroke-dasharray="{dash}"'
        faded = f' opacity="{opacity:.2f}"' if opacity < 1 else ""
        self._body.append(f'<path d="{data}" fill="{fill}"{stroked}{faded}/>')

    def lines(self, parts: Sequence[str], *, stroke: str, width: float, opacity: float = 1.0) -> None:
        """Many strokes of one pen as one element."""
        self.path("".join(parts), stroke=stroke, width=width, opacity=opacity)

    def picture(self, uri: str, width: float, height: float) -> None:
        self._body.append(
            f'<image width="{width:.2f}" height="{height:.2f}" preserveAspectRatio="none" xlink:href="{uri}"/>'
        )

    def define(self, element: str) -> None:
        self._defs.append(element)

    def raw(self, element: str) -> None:
        self._body.append(element)

    @contextmanager
    def group(self, attributes: str = "", title: str | None = None) -> Iterator[None]:
        self._body.append(f"<g {attributes}>" if attributes else "<g>")
        if title:
            self._body.append(f"<title>{xml_text(title)}</title>")
        yield
        self._body.append("</g>")

    def document(self, pixels: tuple[int, int], width: float, height: float, title: str, desc: str) -> str:
        """The whole file. It refers to nothing outside itself: letters are outlines, the paper's tone is inlaid."""
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" version="1.1" '
            f'width="{pixels[0]}" height="{pixels[1]}" viewBox="0 0 {width:.4f} {height:.4f}" role="img">\n'
            f"<title>{xml_text(title)}</title>\n<desc>{xml_text(desc)}</desc>\n"
            f"<defs>{''.join(self._defs)}</defs>\n" + "\n".join(self._body) + "\n</svg>\n"
        )


def xml_text(text: str) -> str:
    """Text as XML may carry it: escaped, without control characters and lone surrogates."""
    kept = "".join(c if c.isprintable() or c in " \n\t" else " " for c in text if not 0xD800 <= ord(c) <= 0xDFFF)
    return escape(kept.replace("\ufffe", "").replace("\uffff", ""))
