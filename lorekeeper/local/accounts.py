"""Which operating-system account runs PostgreSQL, and what that account can reach."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from .errors import LocalEngineError


@dataclass(frozen=True)
class Account:
    """An account to switch to before an engine starts."""

    name: str
    uid: int
    gid: int


def is_root() -> bool:
    return os.geteuid() == 0


def cluster_account(cluster: Path) -> Account | None:
    """The account that must run the cluster: None means ours.

    PostgreSQL refuses to run as root and on a folder that it does not own; so as root it is the owner of an existing
    cluster, else `postgres`, else `nobody`.
    """
    owner = cluster.stat().st_uid if cluster.exists() else None
    if not is_root():
        if owner is not None and owner != os.geteuid():
            raise LocalEngineError(
                f"The database in {cluster} belongs to user {_name(owner)}; run this as that user or as root, "
                "or choose another --data-dir."
            )
        return None
    if owner is None:
        return _first_account("postgres", "nobody")
    if owner == 0:
        raise LocalEngineError(
            f"The database in {cluster} belongs to root, and PostgreSQL does not run as root; give it back to the "
            f"account that made it (chown -R postgres {cluster})."
        )
    try:
        entry = pwd.getpwuid(owner)
    except KeyError:
        return Account(str(owner), owner, cluster.stat().st_gid)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def can_reach(account: Account, path: Path) -> bool:
    """Whether the account may pass through every folder above path and enter path itself, judged by mode bits."""
    real = path.resolve()
    return all(_may_enter(account, folder) for folder in (real, *real.parents))


def _may_enter(account: Account, folder: Path) -> bool:
    status = folder.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _first_account(*names: str) -> Account:
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise LocalEngineError(
        "PostgreSQL does not run as root and this system has neither an account 'postgres' nor 'nobody'; "
        "create one of them or run this as an ordinary user."
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
