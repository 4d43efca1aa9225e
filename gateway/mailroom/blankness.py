"""Whether a page is blank, told only where nothing on it can be writing: holes, staples, the scanner's lid are not.

Only for the process apart.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageChops, ImageFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A page is looked at in cells, so that grain of the scan goes out: an A4 page's long side has so many.
_CELLS_HIGH: Final = 585
_MM_PER_CELL: Final = 297 / _CELLS_HIGH
_AROUND_CELLS: Final = 25
# What is darker than this for the most part is no paper.
_PAPER_GREY_MIN: Final = 96
# Darker than its surroundings by so many times the grain is no grain any more; and by so much in any case.
_GRAIN_TIMES: Final = 4.3
_DARKER_MIN: Final = 6
_SMOOTHER: Final = 2.2
# Less than a full stop in the size of this line, all specks of the page together.
_SPECK_CELLS_MAX: Final = 6
_GRAIN_CELLS_MAX: Final = 2
_DARK_CELLS_MAX: Final = 30_000
_MARGIN_MM: Final = 4.0
_STRIPE_FROM_EDGE_MM: Final = 12.0
_STRIPE_LONGER: Final = 2.5
_HOLE_MM: Final = (3.5, 9.0)
_HOLE_FROM_EDGE_MM: Final = 25.0
_HOLE_FILLED_MIN: Final = 0.62
_STAPLE_MM: Final = (7.0, 15.0)
_STAPLE_THICK_CELLS_MAX: Final = 1.6
_STAPLE_FROM_CORNER_MM: Final = 26.0


def is_blank(image: Image.Image) -> bool:
    """Whether nothing is written or printed on the page (a grey image), but for stripes along its very edge."""
    step = max(1, round(max(image.size) / _CELLS_HIGH))
    cells = image.reduce(step)
    if sum(cells.histogram()[:_PAPER_GREY_MIN]) * 2 > cells.width * cells.height:
        return False
    # Once as it is, for what is small; once smoothed, for what is pale.
    grainy = grain(cells)
    return _is_bare(cells, grainy) and _is_bare(cells.filter(ImageFilter.BoxBlur(1)), grainy / _SMOOTHER)


def _is_bare(cells: Image.Image, grainy: float) -> bool:
    darker = ImageChops.subtract(cells.filter(ImageFilter.BoxBlur(_AROUND_CELLS)), cells, 1, 128)
    limit = 128 + max(_DARKER_MIN, round(_GRAIN_TIMES * grainy))
    marks = darker.point([1 if grey > limit else 0 for grey in range(256)])
    if marks.histogram()[1] > _DARK_CELLS_MAX:
        return False
    left = 0
    for spot in _spots(marks):
        if len(spot) > _GRAIN_CELLS_MAX and not any(
            known(spot, cells.size) for known in (_is_beside, _is_hole, _is_staple)
        ):
            left += len(spot)
            if left > _SPECK_CELLS_MAX:
                return False
    return True


def grain(cells: Image.Image) -> float:
    """The scan's grain: by how much neighbouring cells differ, in the middle of all; most of a page is paper."""
    counts = ImageChops.difference(cells, ImageChops.offset(cells, 1, 0)).histogram()
    wanted = sum(counts) / 2
    for grey, count in enumerate(counts):
        if count >= wanted:
            return max(0.5, grey + wanted / count)
        wanted -= count
    return 255.0


def _spots(marks: Image.Image) -> Iterator[list[int]]:
    """The dark cells, in groups with hardly a gap between them."""
    width, dark = marks.width, marks.tobytes()
    left = {found.start() for found in re.finditer(b"\1", marks.filter(ImageFilter.MaxFilter(3)).tobytes())}
    around = (-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1)
    while left:
        spot = [left.pop()]
        for cell in spot:
            for step in around:
                if cell + step in left:
                    left.remove(cell + step)
                    spot.append(cell + step)
        yield [cell for cell in spot if dark[cell]]


def _box(spot: list[int], width: int) -> tuple[int, int, int, int]:
    across, down = [cell % width for cell in spot], [cell // width for cell in spot]
    return min(across), min(down), max(across), max(down)


def _is_beside(spot: list[int], size: tuple[int, int]) -> bool:
    """Whether it reaches in from beside the page, or is a speck or a stripe along its very edge: the scanner's lid."""
    left, top, right, bottom = _box(spot, size[0])
    sides = min(left, size[0] - 1 - right), min(top, size[1] - 1 - bottom)
    if min(sides) <= 1 or (min(sides) * _MM_PER_CELL <= _MARGIN_MM and len(spot) <= _SPECK_CELLS_MAX):
        return True
    deep, long = (right - left, bottom - top) if sides[0] <= sides[1] else (bottom - top, right - left)
    return (min(sides) + deep) * _MM_PER_CELL <= _STRIPE_FROM_EDGE_MM and long >= _STRIPE_LONGER * deep


def _is_hole(spot: list[int], size: tuple[int, int]) -> bool:
    """Whether it is as large and round as a punched hole, and as near to an edge."""
    left, top, right, bottom = _box(spot, size[0])
    wide, high = right - left + 1, bottom - top + 1
    least, most = (length / _MM_PER_CELL for length in _HOLE_MM)
    edge = min(left, top, size[0] - 1 - right, size[1] - 1 - bottom) * _MM_PER_CELL
    return (
        least <= min(wide, high)
        and max(wide, high) <= most
        and max(wide, high) <= 1.4 * min(wide, high)
        and len(spot) >= _HOLE_FILLED_MIN * wide * high
        and edge <= _HOLE_FROM_EDGE_MM
    )


def _is_staple(spot: list[int], size: tuple[int, int]) -> bool:
    """Whether it is as long, straight and thin as a staple's shadow, and as near to a corner."""
    width = size[0]
    left, top, right, bottom = _box(spot, width)
    across = min(left, size[0] - 1 - right) * _MM_PER_CELL
    down = min(top, size[1] - 1 - bottom) * _MM_PER_CELL
    if max(across, down) > _STAPLE_FROM_CORNER_MM:
        return False
    turned = bottom - top > right - left
    first, last = (min(spot), max(spot)) if turned else (min(spot, key=_column(width)), max(spot, key=_column(width)))
    begin, end = divmod(first, width), divmod(last, width)
    long = math.dist(begin, end)
    if not _STAPLE_MM[0] <= long * _MM_PER_CELL <= _STAPLE_MM[1]:
        return False
    high, wide = end[0] - begin[0], end[1] - begin[1]
    return all(
        abs(wide * (cell // width - begin[0]) - high * (cell % width - begin[1])) <= _STAPLE_THICK_CELLS_MAX * long
        for cell in spot
    )


def _column(width: int) -> Callable[[int], int]:
    return lambda cell: cell % width
