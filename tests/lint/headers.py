#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every header compiles alone, so that the order of includes never matters."""
import concurrent.futures
import subprocess

import tree

PACKAGES = ["libcurl", "jansson", "libevent", "libpcap", "libsodium", "sqlite3", "yaml-0.1"]


def package_flags():
    return subprocess.run(["pkg-config", "--cflags", *PACKAGES], check=True, capture_output=True,
                          text=True).stdout.split()


def compile_alone(path, flags):
    command = ["gcc", "-fsyntax-only", "-std=gnu17", "-D_GNU_SOURCE", '-DRINGBELL_VERSION="lint"',
               "-Wall", "-Wextra", "-Werror", "-I.", *flags, "-x", "c", "-"]
    done = subprocess.run(command, cwd=tree.ROOT, input=f'#include "{path}"\n', text=True,
                          capture_output=True)
    return f"{path} does not compile alone:\n{done.stderr}" if done.returncode else None


headers = tree.files(".h")
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    flags = package_flags()
    results = pool.map(lambda path: compile_alone(path, flags), headers)
tree.finish([r for r in results if r], len(headers))
