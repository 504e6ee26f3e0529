"""Keeps one throw-away PostgreSQL server alive for as long as a test run lives, and removes it afterwards.

Run as a script: ``postgresql_keeper.py BIN FOLDER``. It makes a cluster in FOLDER with the programs in BIN, starts it,
writes one line of JSON (version and port, or an error) and then waits for the lock on the file ``alive`` beside FOLDER,
which the test run holds. The operating system releases that lock however the run ends, so that a run killed with SIGKILL
leaves no server behind. It holds a lock itself, on ``FOLDER.kept``, until the server is gone. Works as root, for which
PostgreSQL refuses to run: it then becomes another user.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

#: Nothing of a test run must survive a power cut, so nothing is flushed; TICKWORK_TEST_FSYNC=on restores production's way.
FLUSH = os.environ.get("TICKWORK_TEST_FSYNC", "off")

SETTINGS = {
    "fsync": FLUSH,
    "synchronous_commit": FLUSH,
    "full_page_writes": FLUSH,
    "listen_addresses": "127.0.0.1",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "max_prepared_transactions": "20",  # two-phase commits of applications are under test
    "max_wal_size": "512MB",
    "log_min_messages": "fatal",
    "timezone": "Pacific/Chatham",  # a session's zone must never matter, so it is a strange one
    **json.loads(os.environ.get("TICKWORK_TEST_SETTINGS", "{}")),  # benchmarks say here what they need
}


def main() -> int:
    bin_folder, folder = Path(sys.argv[1]), Path(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the run; the lock tells us
    with folder.with_suffix(".kept").open("w") as kept:
        fcntl.flock(kept, fcntl.LOCK_EX)
        folder.mkdir()
        try:
            return _keep(bin_folder, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _keep(bin_folder: Path, folder: Path) -> int:
    try:
        owner = _owner()
        programs = _reachable(bin_folder, folder, owner)
        answer = _start(programs, folder, owner)
    except (OSError, subprocess.SubprocessError) as error:
        print(json.dumps({"error": _reason(error)}), flush=True)
        return 1
    print(json.dumps(answer), flush=True)
    with folder.with_name("alive").open() as alive:
        fcntl.flock(alive, fcntl.LOCK_SH)  # until the run is over
    _run(owner, folder, programs / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop")
    return 0


def _owner() -> pwd.struct_passwd | None:
    """The user to become, or None when this process may run a server itself."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise OSError("root may not run PostgreSQL, and there is neither a user postgres nor a user nobody")


def _reachable(bin_folder: Path, folder: Path, owner: pwd.struct_passwd | None) -> Path:
    """Return the programs' folder, or a copy of the installation where *owner* may not walk to it (a root-only home)."""
    if owner is None:
        return bin_folder
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    if all(parent.stat().st_mode & 0o005 == 0o005 for parent in (bin_folder, *bin_folder.parents)):
        return bin_folder
    installation = bin_folder.parent
    copy = folder / "site" / installation.parent.name / installation.name
    shutil.copytree(installation, copy, symlinks=True)
    libraries = installation.parent.with_name(
        installation.parent.name + ".libs"
    )  # where a wheel keeps shared libraries
    if libraries.exists():
        shutil.copytree(libraries, folder / "site" / libraries.name)
    subprocess.run(["chmod", "-R", "a+rX", folder / "site"], check=True)
    return copy / "bin"


def _start(bin_folder: Path, folder: Path, owner: pwd.struct_passwd | None) -> dict[str, str | int]:
    data = folder / "data"
    _run(
        owner, folder, bin_folder / "initdb", "-D", data, "-U", "postgres", "-A", "trust",
        "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions",
    )  # fmt: skip
    with (data / "postgresql.auto.conf").open("a") as settings:
        settings.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
        settings.write(f"unix_socket_directories = '{folder}'\n")
    version = _run(owner, folder, bin_folder / "postgres", "--version").split()[2]
    for attempts_left in reversed(range(5)):
        port = _free_port()
        try:
            _run(owner, folder, bin_folder / "pg_ctl", "-D", data, "-w", "-t", "60", "-l", folder / "log",
                 "-o", f"-p {port}", "start")  # fmt: skip
            return {"version": version, "port": port}
        except subprocess.CalledProcessError as error:  # somebody else may have taken the port in between
            if not attempts_left:
                log = folder / "log"
                error.stderr = (error.stderr or "") + (log.read_text()[-2000:] if log.exists() else "")
                raise
    raise AssertionError("unreachable")


def _free_port() -> int:
    """A free port below the range that the system hands out for outgoing connections."""
    ports = list(range(20_000, 32_000))
    random.shuffle(ports)
    for port in ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port from 20000 to 31999")


def _run(owner: pwd.struct_passwd | None, folder: Path, *command: str | Path) -> str:
    as_user = {} if owner is None else {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    # Files and not pipes: a server started by pg_ctl inherits them and would keep a pipe open for ever.
    with (folder / "out").open("w+") as out, (folder / "err").open("w+") as err:
        done = subprocess.run(
            [str(word) for word in command], stdout=out, stderr=err, stdin=subprocess.DEVNULL, cwd=folder,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}, check=False, **as_user,  # type: ignore[call-overload]
        )  # fmt: skip
        out.seek(0), err.seek(0)
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, str(command[0]), out.read(), err.read())
        return out.read()


def _reason(error: Exception) -> str:
    said = getattr(error, "stderr", "") or ""
    return f"{error}\n{said}".strip()


if __name__ == "__main__":
    raise SystemExit(main())
