"""The base layer: Debian packages the hosts need, as one archive to unpack over the machine's root.

It is built once by apt-get inside a mount namespace of its own: the machine's root below, a tmpfs above, so that
the machine itself stays as it is. What apt wrote (the upper folder, with overlayfs' whiteouts and attributes) is kept
as a tar archive: an archive can be read by any number of worlds at once and lies on any filesystem, an
overlay's upper folder can do neither.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.lab.common import CACHE, LabError, require_root

PACKAGES = (
    "ca-certificates",
    "curl",
    "dnf",
    "erlang-base",  # epmd
    "etcd-client",
    "etcd-server",
    "goiardi",
    "haproxy",
    "iproute2",
    "jq",
    "nftables",
    "openssh-client",
    "openssh-server",
    "postgresql-15",
    "procps",
    "python3",
    "python3-psycopg2",
    "rpm",
    "runit",
    "systemd",  # for one test, that of a scope: the hosts' own services are runit's
)

BUILD = Path(__file__).with_name("base_build.sh")


def key(packages: Iterable[str] = PACKAGES) -> str:
    """What a layer depends on, as a short hash: the package list, how it is built, and the machine's own packages."""
    digest = hashlib.sha256()
    for part in (" ".join(packages).encode(), BUILD.read_bytes(), Path("/var/lib/dpkg/status").read_bytes()):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:12]


def ensure(quiet: bool = False, name: str = "base", packages: Sequence[str] = PACKAGES) -> Path:
    """Build a layer if this machine has none that fits.

    quiet: say nothing on stderr; name: the layer's; packages: what is in it. Returns the path of its archive.
    Raises LabError with apt's last lines if the packages cannot be had.
    """
    require_root()
    if shutil.which("apt-get") is None or not Path("/var/lib/dpkg/status").exists():
        raise LabError("the lab needs a Debian 12 machine: there is no apt-get here to take the hosts' packages from")
    folder = CACHE / f"{name}-{key(packages)}"
    layer = folder / "layer.tar"
    if layer.exists():
        return layer
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two worlds started at once: the second waits for the first one's base
        if not layer.exists():
            if not quiet:
                print(f"lab: building the {name} layer (once, about a minute)", file=sys.stderr, flush=True)
            _build(folder, name, packages)
    return layer


def _build(folder: Path, name: str, packages: Iterable[str]) -> None:
    """Build into a temporary folder, rename when done; such layers of an earlier machine state are dropped then."""
    unfinished = Path(tempfile.mkdtemp(prefix=f"unfinished-{name}-", dir=CACHE))
    log = CACHE / f"{name}.log"
    try:
        with open(log, "w") as out:
            argv = ["unshare", "--mount", "--propagation", "private", "bash", str(BUILD), str(unfinished), *packages]
            status = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False).returncode
        if status:
            last = "\n  ".join(log.read_text(errors="replace").strip().splitlines()[-12:])
            raise LabError(f"the {name} layer cannot be built (exit status {status}, whole log in {log}):\n  {last}")
        for old in CACHE.glob(f"{name}-*"):
            shutil.rmtree(old)
        os.rename(unfinished, folder)
    finally:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(unfinished)
