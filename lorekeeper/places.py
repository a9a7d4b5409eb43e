"""Where LoreKeeper keeps its things on this machine, for the server and for the commands that look for it."""

import os
from pathlib import Path

import platformdirs

SERVER_FILE = "server.json"
"""In the data folder while a server runs: `{"url": …, "pid": …}`."""

LOCAL_FILE = "local.json"
"""In every data folder: what the embedded engines remember; it makes the folder LoreKeeper's."""

ADMIN_KEY_FILE = "admin.key"
"""In the data folder, mode 0600: the admin key that the first start made."""

DEFAULT_PORT = 8420


def default_data_dir() -> Path:
    """`LOREKEEPER_DATA_DIR`, else /var/lib/lorekeeper for root, else the user's own data folder."""
    if named := os.environ.get("LOREKEEPER_DATA_DIR"):
        return Path(named)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/lorekeeper")
    return Path(platformdirs.user_data_dir("lorekeeper", appauthor=False))
