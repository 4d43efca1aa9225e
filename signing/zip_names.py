"""Names of a container's entries: which are refused, and which would be one file on somebody's disk."""

import re
import unicodedata
from typing import Final
from urllib.parse import unquote

from signing.indication import Refusal

NAME_BYTES_MAX: Final = 255
FOLDER: Final = "/"

_SHOWN_CHARACTERS_MAX: Final = 100
_DECODED_TIMES_MAX: Final = 3  # "%252525" is four codes deep, and nobody decodes so often
# Absolute, "\\", drive letters and alternate streams (":"), "." and ".." and nothing as a step of a path, and the dots
# and blanks that some systems drop at an end of a step.
_UNSAFE: Final = re.compile(r"[\\:]|^/|//|(?:^|/)(?:\.{1,2}(?:/|$)| )|[. ](?:/|$)")


def read_name(written: bytes, *, utf8: bool) -> str | Refusal:
    """Return an entry's name, or why nobody should trust it (APPNOTE 6.3.10 §4.4.17, Appendix D).

    A name that is not ASCII must say that it is UTF-8: without that, every reader guesses another encoding. Controls,
    line ends, marks of direction and invisible characters are refused as well.
    """
    try:
        name = written.decode("utf-8" if utf8 else "ascii")
    except UnicodeDecodeError:
        return Refusal("container-name-encoding", {"entry": shown(written.decode("utf-8", "replace"))})
    if not name or len(written) > NAME_BYTES_MAX or not name.isprintable() or _UNSAFE.search(name):
        return Refusal("container-name-unsafe", {"entry": shown(name)})
    return name


def repeated(names: list[str]) -> Refusal | None:
    """Find two names that are one on some disk, in some reader or in some URI: by case, composition, percent-coding.

    A file that another entry takes for a folder counts too.
    """
    seen: dict[str, str] = {}
    for name in names:
        key = _key(name.removesuffix(FOLDER))
        if key in seen:
            return Refusal("container-name-repeated", {"entry": shown(name), "other": shown(seen[key])})
        seen[key] = name
    for name in names:
        steps = _key(name.removesuffix(FOLDER)).split(FOLDER)
        for length in range(1, len(steps)):
            above = seen.get(FOLDER.join(steps[:length]))
            if above is not None and not above.endswith(FOLDER):
                return Refusal("container-name-repeated", {"entry": shown(name), "other": shown(above)})
    return None


def shown(name: str) -> str:
    """Return a name fit for a sentence: of bounded length, and without characters that do something to a screen."""
    letters = (letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in name[:_SHOWN_CHARACTERS_MAX])
    return "".join(letters) + ("…" if len(name) > _SHOWN_CHARACTERS_MAX else "")


def _key(name: str) -> str:
    for _ in range(_DECODED_TIMES_MAX):
        name = unquote(name)
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", name).casefold())
