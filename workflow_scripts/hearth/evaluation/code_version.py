"""The version of the code behind a number: git commit and installed libraries."""

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Libraries that evaluation uses. Recognition and training record the versions of their libraries in their job stats.
LIBRARIES = ("numpy", "pandas", "pyarrow", "scipy", "scikit-learn", "matplotlib", "jinja2", "tabulate")


def git_commit() -> str:
    """Return the commit hash of the running code, followed by "+changes" if files differ from that commit.

    Returns "unknown" if the code is not in a git checkout of its own, or git is not installed.
    """
    root = Path(__file__).resolve().parents[3]

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        # A copy without .git inside somebody else's repository would report that repository's commit.
        if Path(git("rev-parse", "--show-toplevel")).resolve() != root:
            return "unknown"
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def library_versions() -> dict[str, str]:
    """Return the installed version of each of `LIBRARIES`, or "not installed"."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions
