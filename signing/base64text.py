"""Base64 as XML signatures carry it: wrapped by blanks perhaps, and otherwise strict."""

import binascii


def decode(text: str | None) -> bytes | None:
    """Return the bytes of a base64Binary (XML Schema 1.0 part 2 §3.2.16), or None when it is not one.

    Blanks between characters are allowed, as signers wrap their lines; stray characters, missing padding and unused
    bits that are not zero (RFC 4648 §3.5) are not: two spellings of one signature would be two documents.
    """
    return decode_ascii(text.encode("ascii")) if text and text.isascii() else None


def decode_ascii(text: bytes) -> bytes | None:
    """Do the same for text that is bytes already."""
    compact = b"".join(text.split())
    try:
        content = binascii.a2b_base64(compact, strict_mode=True)
    except binascii.Error:
        return None
    return content if content and binascii.b2a_base64(content, newline=False) == compact else None
