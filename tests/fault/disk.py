# SPDX-License-Identifier: Apache-2.0
"""A file system of a test's own: in a file, on a loop device."""

import fcntl
import os
import shutil
import struct
import subprocess
import tempfile

from world import wait_for

SHUTDOWN = 0x8004587D # _IOR('X', 125, __u32): FS_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN
NO_LOG_FLUSH = 2
DISK_BYTES = 4 << 30 # sparse


class Disk:
    """One file system in a file."""

    def __init__(self, kind, size=DISK_BYTES, options=()):
        self.folder = tempfile.mkdtemp(prefix="ringbell-fault-disk-", dir="/tmp")
        self.image = f"{self.folder}/image"
        self.mounted = f"{self.folder}/mnt"
        os.chmod(self.folder, 0o755)
        # shared: umount reaches the copies that `ip netns exec` made for processes that live on, and
        # waits for those that use them; else what was cut would be mounted again as it was
        subprocess.run(["mount", "--bind", self.folder, self.folder], check=True)
        subprocess.run(["mount", "--make-shared", self.folder], check=True)
        os.mkdir(self.mounted)
        with open(self.image, "wb") as file:
            file.truncate(size)
        subprocess.run([f"mkfs.{kind}", "-q", *options, self.image], check=True,
                       capture_output=True)
        self.mount()

    def mount(self):
        subprocess.run(["mount", "-o", "loop", self.image, self.mounted], check=True)
        os.chmod(self.mounted, 0o755)

    def umount(self):
        def done():
            return subprocess.run(["umount", self.mounted], capture_output=True).returncode == 0
        wait_for("umount", done, 20)

    def cut(self):
        fd = os.open(self.mounted, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(fd)

    def close(self):
        for path in (self.mounted, self.folder):
            subprocess.run(["umount", "-l", path], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def remount(self, how):
        """how: ro, rw."""
        def done():
            return subprocess.run(["mount", "-o", f"remount,{how}", self.mounted],
                                  capture_output=True).returncode == 0
        wait_for(f"remount {how}", done, 20)

    def fill(self):
        """Writes one file until nothing more fits."""
        with open(f"{self.mounted}/filler", "wb", buffering=0) as file:
            for size in (1 << 20, 4096):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    pass

    def use_up_inodes(self):
        os.makedirs(f"{self.mounted}/many", exist_ok=True)
        try:
            for number in range(1 << 20):
                with open(f"{self.mounted}/many/{number}", "x"):
                    pass
        except OSError:
            pass

    def free(self):
        shutil.rmtree(f"{self.mounted}/many", ignore_errors=True)
        if os.path.exists(f"{self.mounted}/filler"):
            os.unlink(f"{self.mounted}/filler")
