"""Answer those calls of `apptainer` that Snakemake makes; the script `apptainer` runs it with its own folder."""

import argparse
import json
import os
import sys
from pathlib import Path

# Mounts the folders named by the arguments, pairs of source and target, in a new root, and starts the command after --.
ENTER = """
set -e
root=$1; shift
mount -t tmpfs tmpfs "$root"
for name in bin lib lib64 sbin; do [ ! -L /$name ] || ln -s "$(readlink /$name)" "$root/$name"; done
while [ "$1" != -- ]; do
  mkdir -p "$root$2"; mount --rbind "$1" "$root$2"; shift 2
done
shift
work=$PWD
export PATH=/opt/image:/usr/sbin:/usr/bin:/sbin:/bin
exec chroot "$root" /bin/bash -c 'cd "$0"; exec "$@"' "$work" "$@"
"""


def run_apptainer(folder: Path, arguments: list[str]) -> None:
    """Run `apptainer ARGUMENTS`, or exit with an error message."""
    if arguments == ["--version"]:
        print("apptainer version 1.3.4")
        return
    parser = argparse.ArgumentParser("apptainer", allow_abbrev=False)
    parser.add_argument("action", choices=["exec"])
    parser.add_argument("--home", required=True)
    parser.add_argument("--bind", action="append", default=[])
    parser.add_argument("--nv", action="store_true")
    parser.add_argument("image", type=Path)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    if not options.image.is_file():
        sys.exit(f"FATAL: could not open image {options.image}: no such file")
    named = [*options.bind, os.environ.get("APPTAINER_BIND", "")]
    binds = [path for value in named for path in value.split(",") if path]
    if missing := [path for path in binds if not Path(path).exists()]:
        sys.exit(f"FATAL: container creation failed: mount source {missing[0]} doesn't exist")
    with open(folder / "calls.jsonl", "a") as calls:
        calls.write(json.dumps({"image": options.image.name, "home": options.home, "nv": options.nv}) + "\n")
    environment = options.image.read_text() or sys.prefix
    own = {"/opt/image": folder / "image", "/opt/environment": environment, sys.base_prefix: sys.base_prefix}
    system = {path: path for path in ("/usr", "/etc", "/dev", "/proc", "/sys")}
    visible = {options.home: options.home, str(folder): folder, **{path: path for path in binds}}
    mounts = {**system, **own, **visible}
    # A folder is mounted before those in it.
    pairs = [part for target in sorted(mounts, key=len) for part in (str(mounts[target]), target)]
    container = {"HOME": options.home, "APPTAINER_CONTAINER": str(options.image), "STAND_IN": str(folder)}
    os.environ.update(container)
    command = ["bash", "-c", ENTER, "enter", str(folder / "root"), *pairs, "--", *options.command]
    os.execvp("unshare", ["unshare", "--map-root-user", "--mount", *command])


run_apptainer(Path(sys.argv[1]), sys.argv[2:])
