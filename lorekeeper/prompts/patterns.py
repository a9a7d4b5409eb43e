"""How much text costs a regular expression: an estimate, good to a factor of a few, of the automaton that it becomes.

The engine is linear in the text, but a step of it may keep as many threads as the automaton has states; repetitions
that are counted (`[^a-c]{1000}`) make many states out of a short text.
"""

import re

_TOKEN = re.compile(
    r"""\\[pP]\{[^}]*\} | \\. | \[(?:\\.|[^\]\\])*\] | \( | \) | \{(?P<least>\d+)(?:,(?P<most>\d*))?\} | .""",
    re.VERBOSE | re.DOTALL,
)
_WIDE = re.compile(r"\\[pPDWS]|^\[\^|^\.$|[^\x00-\x7f]")
"""What stands for characters beyond ASCII, which the engine reads by their bytes."""

_WIDTH = 20
_STATES_A_STEP = 8
"""So many states cost about as much as ten characters of plain text."""

MOST = 1_000_000


def pattern_weight(pattern: str) -> int:
    """1 for what is matched at the speed of reading; a thousand for what is a thousand times slower."""
    groups, last = [0], 0
    for token in _TOKEN.finditer(pattern):
        text = token[0]
        if token["least"]:
            last = min(last * max(int(token["least"][:6]), int((token["most"] or "1")[:6])), MOST)
            continue
        if text == ")" and len(groups) > 1:
            last += groups.pop()
            continue
        groups[-1] += last
        last = 0 if text == "(" else _WIDTH if _WIDE.search(text) else 1
        if text == "(":
            groups.append(0)
    return 1 + min(sum(groups) + last, MOST) // _STATES_A_STEP
