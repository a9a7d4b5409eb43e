"""The embedded engines as somebody outside sees them: their processes, what is written to them, who owns them."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.session
import psutil
import psycopg
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lorekeeper.local import EngineAddresses, S3Address

OWNER = """
import json, signal, sys
from dataclasses import asdict
from pathlib import Path
from lorekeeper.local import LocalStack

signal.signal(signal.SIGINT, signal.SIG_IGN)
stack = LocalStack(Path(sys.argv[1]))
addresses = stack.start()
stack.announce("http://127.0.0.1:8000")
print(json.dumps(asdict(addresses)), flush=True)
sys.stdin.read()
stack.stop()
"""


def eventually(probe: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait until the probe gives something true; what it raises meanwhile counts as not yet."""
    deadline = time.monotonic() + seconds
    problem: Exception | None = None
    while time.monotonic() < deadline:
        try:
            if result := probe():
                return result
        except (psycopg.OperationalError, BotoCoreError, ClientError, OSError) as error:
            problem = error
        time.sleep(0.02)
    raise AssertionError(f"did not happen within {seconds} s (last: {problem})")


def engine_processes(data_dir: Path) -> dict[str, psutil.Process]:
    """Live processes that work in the data folder, by program name (of PostgreSQL the postmaster).

    In a container root may not see where another user's process works; PostgreSQL's own pid file finds it there, too.
    """
    found = {process.name(): process for process in psutil.process_iter() if works_in(data_dir, process)}
    pid_file = data_dir / "postgres" / "postmaster.pid"
    if pid_file.exists() and psutil.pid_exists(pid := int(pid_file.read_text().split()[0])):
        found["postgres"] = psutil.Process(pid)
    return found


def works_in(data_dir: Path, process: psutil.Process) -> bool:
    try:
        inside = Path(process.cwd()).is_relative_to(data_dir) and process.status() != psutil.STATUS_ZOMBIE
        parent = process.parent()
        return inside and (parent is None or parent.name() != process.name())
    except psutil.Error:
        return False


def s3_client(address: S3Address | None) -> Any:
    assert address is not None
    return botocore.session.Session().create_client(
        "s3",
        endpoint_url=address.endpoint_url,
        region_name=address.region,
        aws_access_key_id=address.access_key_id,
        aws_secret_access_key=address.secret_access_key,
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


def write(addresses: EngineAddresses, text: str) -> bool:
    if addresses.s3:
        client = s3_client(addresses.s3)
        client.put_object(Bucket=addresses.s3.bucket, Key=f"kept/{text}", Body=text.encode() * 1000)
        client.close()
    assert addresses.database_url
    with psycopg.connect(addresses.database_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (text text PRIMARY KEY)")
        connection.execute("INSERT INTO kept VALUES (%s)", [text])
    return True


def read(addresses: EngineAddresses) -> list[str]:
    """The kept texts, after checking that the store has the same ones, whole."""
    assert addresses.database_url
    with psycopg.connect(addresses.database_url) as connection:
        rows = [str(row[0]) for row in connection.execute("SELECT text FROM kept ORDER BY text")]
    if addresses.s3:
        client = s3_client(addresses.s3)
        for text in rows:
            with client.get_object(Bucket=addresses.s3.bucket, Key=f"kept/{text}")["Body"] as body:
                assert body.read() == text.encode() * 1000
        client.close()
    return rows


def remembered_ports(data_dir: Path) -> dict[str, int]:
    ports: dict[str, int] = json.loads((data_dir / "local.json").read_text())["ports"]
    return ports


def tmp_sockets(data_dir: Path) -> list[Path]:
    return [
        path for port in remembered_ports(data_dir).values() for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock")
    ]


def remove_sockets(data_dir: Path) -> None:
    """What the next start with SeaweedFS would do, for a folder that sees none."""
    for path in tmp_sockets(data_dir):
        path.unlink(missing_ok=True)


class Owner:
    """A process of its own that owns a data folder, in its own process group, as a shell would start it."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(data_dir)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def addresses(self) -> EngineAddresses:
        assert self.process.stdout
        found = json.loads(self.process.stdout.readline())
        return EngineAddresses(found["database_url"], S3Address(**found["s3"]))

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()
