"""The programs that quarrel in this lesson, and what a machine needs before they can move in."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

APPS = Path(__file__).with_name("apps")

# What the packages' installers do and unpacking alone does not: the folders that Redis writes to,
# and the name `lua`, which Debian gives to one of the Luas that are installed.
INSTALL = (
    "mkdir -p /var/lib/redis /var/log/redis /run/redis /srv; ln -sf /usr/bin/lua5.4 /usr/bin/lua"
)
REDIS = "redis-server /etc/redis/redis.conf"  # with the distribution's configuration, unchanged
SHOP = 'print(unpack({"shop:", 3, "orders"}))'  # Lua 5.1: later ones call it table.unpack
BLOG = 'print("blog:", 100 // 7, "pages")'  # `//` divides whole numbers since Lua 5.3


def redis(port: int = 6379) -> str:
    """A shell command that starts a Redis, and ends once it answers."""
    ready = f"until redis-cli -p {port} ping; do usleep 10000; done"
    return f"{REDIS} --port {port} && ({ready}) >/dev/null 2>&1"


def archive() -> bytes:
    """The lab's two programs as a tar archive: /opt/bakery and /opt/library."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path in sorted(APPS.rglob("*")):
            tar.add(path, f"opt/{path.relative_to(APPS)}", recursive=False, filter=_runnable)
    return packed.getvalue()


def _runnable(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Root's, and runnable, whatever became of its mode on the way to this machine."""
    entry.mode, entry.uid, entry.gid, entry.mtime = 0o755, 0, 0, 0
    return entry
