"""Find texts that end in a loop, as a language model does that cannot stop."""

import zlib

# A text that loops does so until its end, so only its last bytes, this many, are compressed. Shorter texts pass.
TAIL_BYTES = 1000
# These last bytes count as a loop if they compress to less than this share of their size.
LOOP_RATIO = 0.1


def ends_in_loop(text: str) -> bool:
    """Return whether the end of a text repeats itself."""
    tail = text.encode(errors="replace")[-TAIL_BYTES:]
    return len(tail) == TAIL_BYTES and len(zlib.compress(tail, 9)) < LOOP_RATIO * TAIL_BYTES
