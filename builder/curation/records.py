"""What a decision leaves beside its verdicts for the next one: a digest of what it is true of, and numbers as bytes.

Parquet keeps metadata as text, so that the bytes are packed in ASCII.
"""

import base64
import binascii
import zlib


def packed(digest: str, numbers: bytes) -> bytes:
    """One value of a table's metadata."""
    return b"%s %s" % (digest.encode(), base64.b64encode(zlib.compress(numbers)))


def unpacked(value: bytes | None) -> tuple[str, bytes] | None:
    """The digest and the bytes of such a value; None where there is none, or a damaged one."""
    digest, _, numbers = (value or b"").partition(b" ")
    try:
        return (digest.decode("ascii"), zlib.decompress(base64.b64decode(numbers))) if numbers else None
    except (UnicodeDecodeError, binascii.Error, zlib.error):
        return None
