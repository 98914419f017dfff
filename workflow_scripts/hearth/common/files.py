"""Write files atomically (a file is complete or absent), read and write JSON and JSON lines, and compute digests."""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def replacing(path: Path, mode: int = 0o644) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success, sync it to disk and rename it to `path`.

    `mode` is its permissions. On an exception it is removed and `path` stays as it was. Concurrent writers have their
    own temporary files, so the last one to finish wins with a complete file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str, mode: int = 0o644) -> None:
    """Write `text` as UTF-8 with LF line ends, atomically."""
    with replacing(path, mode) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: object, mode: int = 0o644) -> None:
    """Write `value` as indented JSON with sorted keys, atomically: equal values give equal bytes."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n", mode)


def read_json(path: Path) -> object:
    """Read one JSON value. Raises ValueError, which names file, line and column, for anything else."""
    try:
        return json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None


def read_json_object(path: Path) -> dict[str, Any]:
    """Read one JSON object. Raises ValueError, which names the file, for anything else."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise ValueError(f"{path}: expected a JSON object, found {type(value).__name__}")
    return value


def write_json_lines(path: Path, rows: Iterable[Mapping[str, object]]) -> int:
    """Write each of `rows` as a compact JSON object on a line of its own, atomically; return the number of rows."""
    count = 0
    with replacing(path) as temporary, open(temporary, "wb") as lines:
        for row in rows:
            lines.write(json_line(row))
            count += 1
    return count


def json_line(row: Mapping[str, object]) -> bytes:
    """Return a line of a file of JSON lines."""
    return (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Read a file that has one JSON object a line, as `iterate_json_lines` does."""
    return list(iterate_json_lines(path))


def iterate_json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file that has one JSON object a line; blank lines are skipped.

    Raises ValueError, which names file and line, for anything else.
    """
    # Binary lines end only at LF. Lines of text also end at U+2028 and similar characters, which strings may contain.
    with open(path, "rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.isspace():
                continue
            try:
                row = json.loads(line.decode("utf-8"))
            except UnicodeDecodeError as error:
                raise ValueError(f"{path}:{number}: not UTF-8: {error.reason} at byte {error.start}") from None
            except json.JSONDecodeError as error:
                raise ValueError(f"{path}:{number}: not JSON: {error.msg}") from None
            if not isinstance(row, dict):
                raise ValueError(f"{path}:{number}: expected a JSON object, found {type(row).__name__}")
            yield row


def _text(path: Path) -> str:
    try:
        return Path(path).read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from None


def digest(value: object) -> str:
    """Return the SHA-256 (hex) of a JSON-able value in canonical form: keys sorted, no spaces."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 (hex) of a file."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
