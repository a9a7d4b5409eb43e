"""The embedded engines as they live: start, restart, crash, stop. Everything here runs the real programs."""

import json
import logging
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import psutil
import psycopg
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

import lorekeeper
from lorekeeper.local import (
    EngineAddresses,
    LocalEngineError,
    LocalStack,
    S3Address,
    accounts,
    binaries,
    engine,
    s3probe,
)

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


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineAddresses]:
    with LocalStack(tmp_path_factory.mktemp("shared") / "data") as addresses:
        yield addresses


def test_rows_and_objects_outlive_a_restart_and_no_folder_above_is_opened(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    data_dir = closed / "deeper, with a comma and a space" / "data"
    data_dir.parent.mkdir(mode=0o700)
    modes = {folder: folder.stat().st_mode for folder in data_dir.parents}
    stack = LocalStack(data_dir)

    first = stack.start()
    write(first, "before")
    began = time.monotonic()
    stack.stop()
    assert time.monotonic() - began < 4
    assert engine_processes(data_dir) == {}
    assert tmp_sockets(data_dir) == []
    stack.stop()

    with stack as second:
        assert second == first
        assert read(second) == ["before"]
    assert {folder: folder.stat().st_mode for folder in data_dir.parents} == modes
    assert data_dir.stat().st_mode & 0o777 == 0o700
    assert (data_dir / "local.json").stat().st_mode & 0o777 == 0o600


def test_each_engine_can_be_had_alone(tmp_path: Path) -> None:
    with LocalStack(tmp_path / "data", seaweedfs=False) as addresses:
        assert addresses.database_url
        assert addresses.s3 is None
    with LocalStack(tmp_path / "data", postgres=False) as addresses:
        assert addresses.database_url is None
        assert addresses.s3


def test_the_database_is_what_the_schema_needs(shared: EngineAddresses) -> None:
    assert shared.database_url
    with psycopg.connect(shared.database_url) as connection:
        connection.execute("CREATE EXTENSION pg_trgm")
        facts = connection.execute(
            "SELECT rolsuper, pg_encoding_to_char(encoding), datlocale, current_setting('timezone'),"
            " current_setting('fsync'), current_setting('synchronous_commit'), lower('ÆÐELING')"
            " FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()"
        ).fetchone()
    assert facts == (False, "UTF8", "C.UTF-8", "UTC", "on", "on", "æðeling")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(shared.database_url, password="wrong")


def test_the_store_does_what_uploads_need(shared: EngineAddresses) -> None:
    assert shared.s3
    client, bucket, part = s3_client(shared.s3), shared.s3.bucket, os.urandom(5 << 20)
    client.head_bucket(Bucket=bucket)
    upload = client.create_multipart_upload(Bucket=bucket, Key="film")["UploadId"]
    tags = [
        client.upload_part(Bucket=bucket, Key="film", UploadId=upload, PartNumber=number, Body=part)["ETag"]
        for number in (1, 2)
    ]
    parts = [{"ETag": tag, "PartNumber": number} for number, tag in enumerate(tags, start=1)]
    client.complete_multipart_upload(Bucket=bucket, Key="film", UploadId=upload, MultipartUpload={"Parts": parts})
    with client.get_object(Bucket=bucket, Key="film", Range=f"bytes={(5 << 20) - 3}-{(5 << 20) + 2}")["Body"] as body:
        assert body.read() == part[-3:] + part[:3]
    with pytest.raises(ClientError, match="PreconditionFailed"):
        client.put_object(Bucket=bucket, Key="film", Body=b"", IfNoneMatch="*")
    client.close()


def test_the_store_is_closed_to_strangers(shared: EngineAddresses) -> None:
    assert shared.s3
    port = int(shared.s3.endpoint_url.rsplit(":", 1)[1])
    for path in ("/", f"/{shared.s3.bucket}", f"/{shared.s3.bucket}/any"):
        assert s3probe.status("127.0.0.1", port, path) == 403
    stranger = {"region": shared.s3.region, "key_id": shared.s3.access_key_id, "secret": "guess"}
    assert s3probe.signed_status("PUT", "127.0.0.1", port, "/other", **stranger) == 403
    weed = next(process for process in psutil.process_iter() if f"-s3.port={port}" in command_line(process))
    ports = dict(option[1:].split("=") for option in weed.cmdline() if ".port=" in option)
    for server, paths in {
        "master": ("/dir/assign", "/dir/lookup?volumeId=1", "/dir/status"),
        "filer": ("/", "/buckets/lorekeeper/"),
        "volume": ("/1,0123456789", "/admin/assign_volume?volume=9"),
    }.items():
        for path in paths:
            assert s3probe.status("127.0.0.1", int(ports[f"{server}.port"]), path) in {401, 403, 404}, (server, path)
    listening = {connection.laddr.ip for connection in weed.net_connections("tcp") if connection.status == "LISTEN"}
    assert listening == {"127.0.0.1"}


def command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_a_killed_owner_leaves_no_engine_and_loses_nothing(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    owner = Owner(data_dir)
    try:
        first = owner.addresses()
        with pytest.raises(LocalEngineError, match=rf"process {owner.process.pid}, since 2.* http://127.0.0.1:8000\)"):
            LocalStack(data_dir).start()
        os.killpg(owner.process.pid, signal.SIGINT)  # Ctrl-C in a terminal goes to the whole group
        for number in range(20):
            write(first, f"{number:02}")
        assert set(engine_processes(data_dir)) == {"postgres", "weed"}
    finally:
        owner.kill()
    with LocalStack(data_dir) as second:  # at once: whatever the dead owner left is dealt with
        assert read(second) == [f"{number:02}" for number in range(20)]
        write(second, "after")
    assert engine_processes(data_dir) == {}


def test_the_engines_of_a_killed_owner_end_by_themselves(tmp_path: Path) -> None:
    owner = Owner(tmp_path / "data")
    try:
        owner.addresses()
    finally:
        owner.kill()
    eventually(lambda: engine_processes(tmp_path / "data") == {}, seconds=5)
    remove_sockets(tmp_path / "data")


@pytest.mark.parametrize("program", ["postgres", "weed"])
def test_a_killed_engine_is_started_again_at_the_same_address(tmp_path: Path, program: str) -> None:
    data_dir = tmp_path / "data"
    with LocalStack(data_dir) as addresses:
        write(addresses, "before")
        killed = engine_processes(data_dir)[program]
        killed.kill()
        assert eventually(lambda: read(addresses)) == ["before"]
        assert eventually(lambda: write(addresses, "after"))
        assert engine_processes(data_dir)[program] != killed
    assert engine_processes(data_dir) == {}


def test_an_engine_that_cannot_live_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine, "_BACKOFF", (0.01, 0.01))
    data_dir = tmp_path / "data"
    with LocalStack(data_dir, seaweedfs=False), caplog.at_level(logging.INFO, logger="lorekeeper.local"):
        (data_dir / "postgres" / "global" / "pg_control").unlink()
        engine_processes(data_dir)["postgres"].kill()
        eventually(lambda: [record for record in caplog.records if record.levelno == logging.ERROR])
    assert "died 3 times in a row" in caplog.text
    assert "pg_control" in caplog.text


def test_a_taken_port_is_replaced(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with LocalStack(data_dir) as first:
        write(first, "before")
    remembered = remembered_ports(data_dir)
    squatters = [socket.create_server(("127.0.0.1", port)) for port in remembered.values()]
    try:
        with LocalStack(data_dir) as second:
            assert read(second) == ["before"]
            write(second, "with other ports")
    finally:
        for squatter in squatters:
            squatter.close()
    assert not set(remembered_ports(data_dir).values()) & set(remembered.values())


def test_a_killed_initdb_is_made_anew(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    owner = Owner(data_dir)
    try:
        eventually((data_dir / "postgres.new" / "PG_VERSION").exists)
    finally:
        owner.kill()
    assert not (data_dir / "postgres").exists()
    with LocalStack(data_dir, seaweedfs=False) as addresses:
        write(addresses, "works")
    assert not (data_dir / "postgres.new").exists()
    remove_sockets(data_dir)


def test_a_stale_pid_file_with_a_reused_pid_does_not_stop_a_start(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    stale = data_dir / "postgres" / "postmaster.pid"
    with LocalStack(data_dir, seaweedfs=False) as addresses:
        write(addresses, "before")
        lines = stale.read_text().splitlines()
    owner = (data_dir / "postgres").stat()
    as_owner: dict[str, Any] = {}
    if os.geteuid() == 0:
        as_owner = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    with subprocess.Popen(["sleep", "60"], **as_owner) as stranger:
        stale.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        os.chown(stale, owner.st_uid, owner.st_gid)
        try:
            with LocalStack(data_dir, seaweedfs=False) as addresses:
                assert read(addresses) == ["before"]
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_another_major_version_of_postgresql_is_refused(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with LocalStack(data_dir, seaweedfs=False) as addresses:
        write(addresses, "before")
    version = data_dir / "postgres" / "PG_VERSION"
    ours = version.read_text()
    version.write_text("17\n")
    with pytest.raises(LocalEngineError, match=r"written by PostgreSQL 17, and 1\d\.\S+ is installed"):
        LocalStack(data_dir, seaweedfs=False).start()
    version.write_text(ours)
    with LocalStack(data_dir, seaweedfs=False) as addresses:
        assert read(addresses) == ["before"]


AS_ORDINARY_USER = """
import sys
from pathlib import Path
import psycopg
from lorekeeper.local import LocalStack
for _ in range(2):
    with LocalStack(Path(sys.argv[1])) as addresses, psycopg.connect(addresses.database_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (text text)")
print("done")
"""


def within_reach(place: Path) -> list[str]:
    """A copy of this environment that everybody can reach, laid out as it was; its import path."""
    packages = Path(psycopg.__file__).parents[1]
    inside = place / packages.relative_to(sys.prefix)
    inside.parent.mkdir(parents=True)
    subprocess.run(["cp", "-a", str(packages), str(inside)], check=True)
    (place / "bin").mkdir()
    subprocess.run(["cp", "-a", str(binaries.weed_binary()), str(place / "bin")], check=True)
    subprocess.run(["cp", "-a", str(Path(lorekeeper.__file__).parent), str(place)], check=True)
    return [str(place), str(inside)]


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as an ordinary user already")
def test_an_ordinary_user_needs_no_root() -> None:
    entry = pwd.getpwnam("nobody")
    nobody = accounts.Account("nobody", entry.pw_uid, entry.pw_gid)
    minor = f"python3.{sys.version_info.minor}"  # the environment's compiled modules need the same one
    pythons = [sys.executable, *filter(None, [shutil.which(minor, path="/usr/local/bin:/usr/bin")])]
    usable = [python for python in pythons if accounts.can_reach(nobody, Path(python).resolve().parent)]
    if not usable:
        pytest.skip(f"no {minor} is in an ordinary user's reach")
    home = Path(tempfile.mkdtemp(dir="/var/tmp"))
    path = [entry for entry in sys.path if entry]
    try:
        if not accounts.can_reach(nobody, binaries.weed_binary().parent):
            path = within_reach(home / "environment")
        os.chown(home, nobody.uid, nobody.gid)
        result = subprocess.run(
            [usable[0], "-B", "-c", AS_ORDINARY_USER, str(home / "data")],
            cwd=home, user=nobody.uid, group=nobody.gid, extra_groups=[], env={"PYTHONPATH": os.pathsep.join(path)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert result.stdout == "done\n", result.stderr
        assert {path.stat().st_uid for path in (home / "data").rglob("*")} == {nobody.uid}
    finally:
        shutil.rmtree(home)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_full_disk_is_said_and_damages_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600m", "lorekeeper-test", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets nobody mount")
    data_dir, ballast = disk / "data", disk / "ballast"
    try:
        with LocalStack(data_dir) as addresses:
            write(addresses, "before")
        fill(ballast)
        with pytest.raises(LocalEngineError, match="No space left on device"):
            LocalStack(data_dir).start()
        assert engine_processes(data_dir) == {}
        ballast.unlink()
        with LocalStack(data_dir) as addresses:
            assert read(addresses) == ["before"]
            write(addresses, "after")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
