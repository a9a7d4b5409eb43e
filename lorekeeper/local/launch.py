"""Run as a program of its own between us and an engine: `python launch.py SIGNAL PARENT UID GID PROGRAM ARGUMENT...`.

It gives up root (where UID is not empty), asks the kernel for SIGNAL at its parent's death, and becomes the engine.
Code that runs in a forked child before exec (subprocess's `preexec_fn`) could do the same, but not safely in a process
that has threads. It is started in the engine's folder, which the engine's account may not be able to enter from above.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(death_signal: str, parent: str, uid: str, gid: str, *argv: str) -> None:
    if uid:
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if sys.platform == "linux":
        # After the change of user, which clears the request.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != int(parent):  # it died before we could ask
        sys.exit(1)
    try:
        os.execv(argv[0], argv)  # noqa: S606 - the wheels' own programs, with arguments that we made
    except OSError as error:
        sys.exit(f"error: {argv[0]} cannot be run: {error.strerror}")


if __name__ == "__main__":
    main(*sys.argv[1:])
