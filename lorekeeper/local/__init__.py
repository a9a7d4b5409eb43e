"""The embedded engines: a real PostgreSQL and a real SeaweedFS, from wheels, for one data folder.

    with LocalStack(data_dir) as engines:
        print(engines.database_url, engines.s3.endpoint_url)

How the rooms hang together:

    stack ── folder (who owns the data folder, what it remembers)
      ├── postgres ──┐
      └── seaweedfs ─┴─ engine (start, watch, restart, stop) ── spawner (forks), enginelog, leftovers
"""

from .errors import LocalEngineError
from .seaweedfs import S3Address
from .stack import EngineAddresses, LocalStack

__all__ = ["EngineAddresses", "LocalEngineError", "LocalStack", "S3Address"]
