"""Read the lines of text files in any encoding, in blocks of whole lines of UTF-8."""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from hearth.data.sources.csv_rows import LONGEST_RECORD, RowError

BLOCK = 2**24  # bytes read at a time
# UTF-32 comes first, because its mark begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
# Encodings in which any bytes are text, so that a wrong one would be read without a fault.
_EIGHT_BIT = {codecs.lookup(name).name for name in ("latin-1", "cp1252", "iso8859-15", "mac-roman", "cp437", "cp850")}
_LONGEST_LINE = 8 * LONGEST_RECORD  # bytes that are kept of a line that fills a block
_GZIP = ".gz"
_KEEP_BYTES = "hearth.keep_bytes"


def read_line_blocks(path: Path, encoding: str = "utf-8") -> Iterator[bytes]:
    """Yield a file's text as UTF-8, in blocks of whole lines; a line of more than `BLOCK` bytes is cut short.

    `encoding` is the file's; a byte order mark is left out, and one of UTF-16 or UTF-32 is believed where `encoding`
    is UTF-8. Bytes that are not valid become bytes that are not UTF-8, so that `decode_line` finds their line. Raises
    ValueError if a file is clearly in another encoding: one said to be in UTF-16 or UTF-32 has neither a byte order
    mark nor zero bytes, or all of one said to be in Latin-1 or the like is UTF-8.
    """
    rest = b""
    for text in _read_utf8(path, encoding):
        whole, end, rest = (rest + text).rpartition(b"\n")
        if end:
            yield whole + end
        elif len(rest) > BLOCK:
            rest = rest[:_LONGEST_LINE]
    if rest:
        yield rest


def read_text(path: Path, encoding: str = "utf-8") -> bytes:
    """Return a file's whole text as UTF-8, as `read_line_blocks` yields it but with lines of any length."""
    return b"".join(_read_utf8(path, encoding))


def decode_line(line: bytes, encoding: str) -> str:
    """Return a line of `read_line_blocks` as text. Raises RowError if it was not valid in the encoding `encoding`."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        byte = "" if is_wide(encoding) else f" (byte 0x{line[error.start]:02x})"
        remedy = "convert the file, or name its encoding in `recording`"
        if canonical(encoding) == "utf-8":
            remedy += ", such as `encoding: cp1252`"
        raise RowError(f"not {encoding}{byte}; {remedy}") from None


def to_utf8(line: bytes, encoding: str) -> bytes:
    """Return one line of a text in an 8-bit encoding as UTF-8; invalid bytes remain invalid."""
    if canonical(encoding) == "utf-8":
        return line
    return line.decode(encoding, _KEEP_BYTES).encode("utf-8", "surrogateescape")


def canonical(encoding: str) -> str:
    """Return Python's name of an encoding; UTF-8 with and without a byte order mark has one name."""
    return codecs.lookup(encoding).name.removesuffix("-sig")


def is_wide(encoding: str) -> bool:
    """Return whether an encoding has at least two bytes for each character."""
    return canonical(encoding).startswith(("utf-16", "utf-32"))


def unpacked(path: Path) -> Path:
    """Return the path of a file without the suffix of one packed by gzip."""
    return path.with_suffix("") if path.suffix.lower() == _GZIP else path


def _read_utf8(path: Path, encoding: str) -> Iterator[bytes]:
    try:
        yield from _unpack_utf8(path, encoding)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: a damaged gzip file ({error}); get it again") from None


def _unpack_utf8(path: Path, encoding: str) -> Iterator[bytes]:
    with gzip.open(path) if path.suffix.lower() == _GZIP else open(path, "rb") as handle:
        head = handle.read(BLOCK)
        actual, mark = _actual_encoding(path, head, canonical(encoding))
        chunk = head[mark:]
        if actual == "utf-8":
            while chunk:
                yield chunk
                chunk = handle.read(BLOCK)
            return
        decoder = codecs.getincrementaldecoder(actual)(_KEEP_BYTES)
        while chunk:
            yield decoder.decode(chunk).encode("utf-8", "surrogateescape")
            chunk = handle.read(BLOCK)
        yield decoder.decode(b"", True).encode("utf-8", "surrogateescape")


def _actual_encoding(path: Path, head: bytes, encoding: str) -> tuple[str, int]:
    """Return the encoding of a file that begins with `head`, and the length of its byte order mark."""
    for mark, marked in _MARKS.items():
        family = marked.removesuffix("-le").removesuffix("-be")
        if head.startswith(mark) and (encoding == "utf-8" or encoding.startswith(family)):
            return marked, len(mark)
    if encoding in ("utf-16", "utf-32") and head:
        if b"\0" not in head:
            raise ValueError(f"{path}: not {encoding}: neither a byte order mark nor a zero byte; correct `encoding`")
        # A character of a delimiter or digit has zero bytes before its own in big endian, after it in little endian.
        return f"{encoding}-{'be' if head[0::2].count(0) > head[1::2].count(0) else 'le'}", 0
    if encoding in _EIGHT_BIT and not head.isascii() and _is_utf8_so_far(head):
        raise ValueError(f"{path}: in UTF-8, not in {encoding}; correct `encoding`")
    return encoding, 0


def _is_utf8_so_far(head: bytes) -> bool:
    """Return whether `head` begins a text in UTF-8; texts in other encodings with bytes above 0x7f hardly ever do."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _keep_bytes(error: UnicodeError) -> tuple[str, int]:
    """Replace an invalid sequence by a code that `surrogateescape` turns into its first byte, or else into 0xff."""
    assert isinstance(error, UnicodeDecodeError)
    byte = error.object[error.start]
    return chr(0xDC00 + (byte if byte >= 0x80 else 0xFF)), error.end


codecs.register_error(_KEEP_BYTES, _keep_bytes)
