"""What jobs, leases, uploads, assets, lore and idempotency keys ought to do, in plain Python, to hold the app against.

Written from the design (sections 4 and 5) and docs/ (state-machine.md, worker-protocol.md, lore.md, canon.md), and not
from the code: it imports nothing of it.
"""

from stateful.model.asking import Asking
from stateful.model.bundles import Bundles
from stateful.model.files import Files
from stateful.model.leases import Leases
from stateful.model.moves import Moves


class Model(Asking, Leases, Moves, Files, Bundles):
    """Each method judges a request, and does what the app should do."""
