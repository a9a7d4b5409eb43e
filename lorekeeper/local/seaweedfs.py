"""The embedded SeaweedFS: master, volume server, filer and S3 gateway in one process, all on loopback."""

import contextlib
import http.client
import json
import os
import secrets
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from . import s3probe
from .binaries import weed_binary
from .engine import Engine
from .errors import LocalEngineError, StartCancelledError
from .ports import LOOPBACK, is_free
from .spawner import Command

_BUCKET = "lorekeeper"
_REGION = "us-east-1"
# SeaweedFS has these four servers, each with an HTTP and a gRPC port (which would default to the former + 10000).
_SERVERS = ("master", "volume", "filer", "s3")
_HTTP_ACCESS = ("volume_write", "volume_read", "filer_write", "filer_read")

# In single quotes, since TOML takes nothing in them for an escape.
_SECURITY = """\
[jwt.signing]
key = '{seaweedfs_volume_write_key}'
[jwt.signing.read]
key = '{seaweedfs_volume_read_key}'
[jwt.filer_signing]
key = '{seaweedfs_filer_write_key}'
[jwt.filer_signing.read]
key = '{seaweedfs_filer_read_key}'
"""
# SeaweedFS takes each of these from the working folder first, then from the machine's /etc/seaweedfs and the home's
# .seaweedfs; so each of them exists here, even if it says nothing.
_CONFIGURATION = {
    "security.toml": _SECURITY,
    "filer.toml": "[leveldb2]\nenabled = true\ndir = 'data/filerldb2'\n",
    "master.toml": "[master.volume_growth]\ncopy_1 = 2\n",
    "credential.toml": "[credential.filer_etc]\nenabled = true\n",
    "notification.toml": "",
    "volume.toml": "",
}
# All paths are relative to the working folder: -dir takes a comma for a separator, and socket paths must be short.
_OPTIONS = (
    "-dir=data",
    f"-ip={LOOPBACK}",
    f"-ip.bind={LOOPBACK}",
    "-disableHttp",  # master and filer answer by gRPC only: their HTTP would hand out read and write tokens to anyone
    "-master.peers=none",
    "-master.telemetry=false",
    "-master.volumeSizeLimitMB=1024",
    # Volumes grow as needed; the disk is guarded by free space, not by a count (0 would mean none on a small disk).
    "-volume.max=16384",
    "-volume.minFreeSpace=300MiB",
    "-volume.preStopSeconds=0",
    "-filer",
    "-filer.localSocket=filer.sock",
    "-filer.exposeDirectoryData=false",
    "-s3",
    "-s3.config=s3.json",
    "-s3.localSocket=s3.sock",
    "-s3.iam=false",
    "-s3.autoCreateBucket=false",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
)


@dataclass(frozen=True)
class S3Address:
    """Where the S3 gateway is, and the one identity it knows."""

    endpoint_url: str
    bucket: str
    region: str
    access_key_id: str
    secret_access_key: str


class SeaweedFS(Engine):
    """Life of `weed server`."""

    name = "SeaweedFS"
    program = "weed"
    stem = "seaweedfs"
    port_names = tuple(f"seaweedfs_{server}{kind}" for server in _SERVERS for kind in ("", "_grpc"))
    start_seconds = 120.0
    stop_signal = signal.SIGTERM
    stop_seconds = 2.0

    @property
    def address(self) -> S3Address:
        state = self.folder.state
        return S3Address(
            endpoint_url=f"http://{LOOPBACK}:{state.ports['seaweedfs_s3']}",
            bucket=_BUCKET,
            region=_REGION,
            access_key_id=state.secrets["s3_access_key_id"],
            secret_access_key=state.secrets["s3_secret_access_key"],
        )

    def prepare(self) -> None:
        self.folder.remember(
            secrets={
                "s3_access_key_id": f"LK{secrets.token_hex(9).upper()}",
                "s3_secret_access_key": secrets.token_urlsafe(30),
                **{f"seaweedfs_{access}_key": secrets.token_urlsafe(32) for access in _HTTP_ACCESS},
            }
        )
        known = self.folder.state.secrets
        (self.home / "data").mkdir(mode=0o700, parents=True, exist_ok=True)
        self.home.chmod(0o700)
        for name, text in _CONFIGURATION.items():
            _write_private(self.home / name, text.format_map(known))
        _write_private(self.home / "s3.json", json.dumps(self._identities()))

    def before_launch(self) -> None:
        self.cleanup()

    def command(self) -> Command:
        ports = self.folder.state.ports
        options = [f"-{server}.port={ports[f'seaweedfs_{server}']}" for server in _SERVERS]
        options += [f"-{server}.port.grpc={ports[f'seaweedfs_{server}_grpc']}" for server in _SERVERS]
        return Command(
            (str(weed_binary()), "-logtostderr=true", "server", *_OPTIONS, *options),
            cwd=self.home,
            death_signal=signal.SIGKILL,
            environment={"HOME": str(self.home)},
        )

    def is_ready(self, pid: int) -> bool:  # noqa: ARG002 - PostgreSQL's needs it
        """The gateway answers, and the volume server has made itself known to the master (else writes fail)."""
        ports = self.folder.state.ports
        return all(
            s3probe.status(LOOPBACK, ports[name], "/healthz") == http.HTTPStatus.OK
            for name in ("seaweedfs_s3", "seaweedfs_volume")
        )

    def finish_start(self) -> None:
        if self._call("HEAD") == http.HTTPStatus.OK:
            return
        answer = self._call("PUT")
        if answer != http.HTTPStatus.OK:
            raise LocalEngineError(
                f"SeaweedFS runs, but answers {answer} when asked for its bucket: {self.log.telling_line()} "
                f"(see {self.log.path})."
            )

    def has_let_go(self) -> bool:
        """Its volumes are closed: what follows is a wait for its own gRPC streams, which never end.

        What it acknowledged is in the kernel's hands (and its metadata in a write-ahead log), so SIGKILL loses nothing.
        """
        return self.log.contains("Shut down successfully!")

    def cleanup(self) -> None:
        """Remove the sockets of our own ports; after SIGKILL they stay, and SeaweedFS puts four of them in /tmp."""
        for socket in (self.home / "filer.sock", self.home / "s3.sock", *map(Path, self._tmp_sockets())):
            with contextlib.suppress(OSError):
                socket.unlink(missing_ok=True)

    def _tmp_sockets(self) -> list[str]:
        ports = self.folder.state.ports
        return [_tmp_socket(server, ports[f"seaweedfs_{server}_grpc"]) for server in _SERVERS]

    def _identities(self) -> dict[str, object]:
        known = self.folder.state.secrets
        credentials = [{"accessKey": known["s3_access_key_id"], "secretKey": known["s3_secret_access_key"]}]
        return {"identities": [{"name": "lorekeeper", "credentials": credentials, "actions": ["Admin"]}]}

    def _call(self, method: str) -> int:
        address = self.address
        deadline = time.monotonic() + 10
        while True:
            try:
                return s3probe.signed_status(
                    method, LOOPBACK, self.folder.state.ports["seaweedfs_s3"], f"/{address.bucket}",
                    region=address.region, key_id=address.access_key_id, secret=address.secret_access_key,
                )  # fmt: skip
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() > deadline:
                    raise LocalEngineError(f"SeaweedFS stopped answering while starting: {error}.") from error
                if self.cancelled.wait(0.05):
                    raise StartCancelledError("The start of SeaweedFS was given up.") from error


def port_is_usable(port: int) -> bool:
    """Free, and with no other user's socket file where SeaweedFS would put its own (it would talk to that one)."""
    paths = [Path(_tmp_socket(server, port)) for server in _SERVERS]
    return is_free(port) and all(not path.exists() or path.stat().st_uid == os.geteuid() for path in paths)


def _tmp_socket(server: str, port: int) -> str:
    return f"/tmp/seaweedfs-{server}-grpc-{port}.sock"  # noqa: S108 - SeaweedFS's choice, it cannot be told another


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
