"""A picture from a file, or from its bytes, to the pixels that a network reads: one path for training and serving.

Source: Pillow decodes and scales; the middle is cut out as torchvision's Resize and CenterCrop do, on which the
published figures of pretrained networks rest.
"""

from __future__ import annotations

import io
import logging
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archwise.errors import DataError
from archwise.records import Array, ImageNeed

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pbm", ".pnm")
MOST_PIXELS = 100_000_000  # of a picture; a small file can claim any number
NPY = b"\x93NUMPY"  # the first bytes of an array that was written by NumPy
STARTS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*", b"P5", b"P6", NPY)  # of files
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM")  # of Pillow's; some of the others start programs
LIKENESS_BYTES = 8
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '\|u1', 'fortran_order': False, "
    rb"'shape': \((\d{1,9}(?:, \d{1,9}){1,3}),?\), \} *\n",
    re.DOTALL,
)  # of an array of bytes, as NumPy writes it
_GLANCE = 64  # pixels of a side that are enough to see colour
_ORIENTATION, _LYING = 0x0112, (5, 6, 7, 8)  # the EXIF tag, and its values that lay a picture on its side


@dataclass(frozen=True)
class Glance:
    """What a look at a picture tells: pixels of its sides as it stands upright, and whether it has colour."""

    width: int
    height: int
    is_coloured: bool


def encode_array(pixels: Array) -> bytes:
    """One picture (H, W) or (H, W, C) uint8 as bytes from which `decode` makes it again."""
    return encode_arrays(pixels[None])[0]


def encode_arrays(pixels: Array) -> list[bytes]:
    """Pictures (N, H, W) or (N, H, W, C) uint8, each as bytes from which `decode` makes it again."""
    held = io.BytesIO()
    kept = {"descr": "|u1", "fortran_order": False, "shape": pixels.shape[1:]}
    np.lib.format.write_array_header_1_0(held, kept)
    header = held.getvalue()  # the same for all
    return [header + picture.tobytes() for picture in pixels]


def read_cell(cell: str | bytes) -> bytes:
    """The bytes of a picture: those of a file, or the cell itself.

    Raises:
        DataError: there is no such file, it cannot be read, or it is empty.
    """
    if isinstance(cell, bytes):
        content = cell
    else:
        try:
            content = Path(cell).read_bytes()
        except FileNotFoundError:
            raise DataError("there is no such file") from None
        except OSError as error:
            raise DataError(f"it cannot be opened ({error.strerror})") from None
    if not content:
        raise DataError("it is empty")
    return content


def decode(content: bytes) -> Image:
    """The picture that bytes hold: upright, in grey ("L") or colour ("RGB"), 8 bits a channel.

    Transparent parts become white; 16 bits are cut to the upper 8. Pillow may warn, which `hushed` keeps from users.

    Raises:
        DataError: it is no picture, is cut off, or claims more pixels than any picture has.
    """
    from PIL import Image

    if content.startswith(NPY):
        return Image.fromarray(_read_array(content))
    with _opened(content) as opened:
        opened.load()
        return _plain(_upright(opened))


@contextmanager
def hushed() -> Iterator[None]:
    """Keep Pillow from warning of odd metadata, and of sizes, which are judged here.

    Warnings are those of the whole process, so this stands around threads, never inside one.
    """
    log = logging.getLogger("PIL")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def sides(content: bytes) -> tuple[int, int]:
    """Width and height of a picture as it stands upright, from its header alone.

    Raises:
        DataError: as for `decode`, but what is behind the header is not looked at.
    """
    if content.startswith(NPY):
        height, width = _read_array(content).shape[:2]
        return width, height
    with _opened(content) as opened:
        return _sides(opened)


def glance(content: bytes) -> Glance:
    """Look at a picture without all of its pixels: a JPEG is read at an eighth of its size, yet to its end.

    Raises:
        DataError: as for `decode`.
    """
    if content.startswith(NPY):
        pixels = _read_array(content)
        return Glance(pixels.shape[1], pixels.shape[0], pixels.ndim == 3 and _has_colour(pixels))
    with _opened(content) as opened:
        width, height = _sides(opened)
        opened.draft("RGB", (_GLANCE, _GLANCE))
        opened.load()
        picture = _plain(opened)
        return Glance(width, height, picture.mode == "RGB" and _has_colour(np.asarray(picture)))


def likeness(picture: Image) -> bytes:
    """Tell alike pictures by 64 bits: whether each of 8 x 8 fields is brighter than the one to its left.

    Source: the difference hash, Krawetz 2013. What scaling, compression or a change of light leaves of a picture
    differs from it in few bits.
    """
    from PIL.Image import Resampling

    fields = np.asarray(picture.convert("L").resize((9, 8), Resampling.BOX))  # (8, 9)
    return np.packbits(fields[:, 1:] > fields[:, :-1]).tobytes()


def to_pixels(picture: Image, need: ImageNeed) -> Array:
    """The pixels of a decoded picture in the form of a need, (size, size, channels) uint8."""
    from PIL.Image import Resampling

    picture = picture.convert("RGB" if need.channels == 3 else "L")
    resample = Resampling.BICUBIC if need.resample == "bicubic" else Resampling.BILINEAR
    if need.fit == "crop":
        picture = _cut_middle(picture, need, resample)
    elif picture.size != (need.size, need.size):
        picture = picture.resize((need.size, need.size), resample)
    pixels = np.asarray(picture, dtype=np.uint8)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def picture_pixels(cell: str | bytes, need: ImageNeed) -> Array:
    """The pixels of a cell in the form of a need, (size, size, channels) uint8.

    Raises:
        DataError: as for `read_cell` and `decode`.
    """
    with hushed():
        return to_pixels(decode(read_cell(cell)), need)


@contextmanager
def _opened(content: bytes) -> Iterator[Any]:
    """A picture as Pillow opens it; what its decoders raise inside, by whatever broken file, is a DataError."""
    import struct

    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise DataError(f"it claims {opened.width:,} x {opened.height:,} pixels, more than are read")
            yield opened
    except UnidentifiedImageError:
        raise DataError("it is not a picture") from None
    except Image.DecompressionBombError:
        raise DataError("it claims more pixels than are read") from None
    except (OSError, SyntaxError, EOFError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError,
            AssertionError, RuntimeError, struct.error, MemoryError):  # fmt: skip
        raise DataError("it is broken or cut off") from None


def _upright(opened: Image) -> Image:
    from PIL import ImageOps

    ImageOps.exif_transpose(opened, in_place=True)
    return opened


def _sides(opened: Image) -> tuple[int, int]:
    width, height = opened.size
    return (height, width) if opened.getexif().get(_ORIENTATION, 1) in _LYING else (width, height)


def _has_colour(pixels: Array) -> bool:
    """Whether the channels of (H, W, 3) differ anywhere."""
    return bool((pixels != pixels[:, :, :1]).any())


def _read_array(content: bytes) -> Array:
    """(H, W) or (H, W, 3) uint8."""
    start = 10 + int.from_bytes(content[8:10], "little")
    shape = _shape_in(content[:start])
    pixels = np.frombuffer(content, np.uint8, offset=min(start, len(content)))
    if pixels.size != math.prod(shape):
        raise DataError("it is a broken array")
    return pixels.reshape(shape)


@lru_cache(maxsize=64)
def _shape_in(header: bytes) -> tuple[int, ...]:
    """The shape of a picture by the header of its array; many share one.

    Raises:
        DataError: it is no header, or not that of a picture.
    """
    found = _HEADER.fullmatch(header)
    if found is None:
        raise DataError("it is an array that is broken, or not of bytes")
    shape = tuple(int(axis) for axis in found[1].split(b",") if axis.strip())
    shape = shape[:2] if len(shape) == 3 and shape[2] == 1 else shape
    is_picture = len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)
    if not is_picture or 0 in shape or math.prod(shape[:2]) > MOST_PIXELS:
        raise DataError(f"an array of the shape {shape} is no picture")
    return shape


def _plain(picture: Image) -> Image:
    """The same picture in "L" or "RGB"."""
    from PIL import Image

    if picture.mode in ("L", "RGB"):
        return picture
    if picture.mode.startswith(("I", "F")):
        values = np.asarray(picture)
        if picture.mode.startswith("I"):
            return Image.fromarray((np.clip(values, 0, 65_535).astype(np.uint32) >> 8).astype(np.uint8))
        low, high = float(values.min()), float(values.max())
        return Image.fromarray(np.uint8(255 * (values - low) / ((high - low) or 1.0)))
    if picture.mode in ("1", "L;16"):
        return picture.convert("L")
    if picture.mode in ("LA", "La"):
        return _over_white(picture.convert("RGBA")).convert("L")
    if picture.mode in ("RGBA", "RGBa", "PA") or "transparency" in picture.info:
        return _over_white(picture.convert("RGBA"))
    return picture.convert("RGB")


def _over_white(picture: Image) -> Image:
    from PIL import Image

    white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, picture).convert("RGB")


def _cut_middle(picture: Image, need: ImageNeed, resample: int) -> Image:
    """Scale the shorter side to size / share and cut the middle out, as torchvision's Resize and CenterCrop do."""
    shorter = math.floor(need.size / need.share)
    width, height = picture.size
    if min(width, height) != shorter:
        if width <= height:
            width, height = shorter, int(shorter * height / width)
        else:
            width, height = int(shorter * width / height), shorter
        picture = picture.resize((width, height), resample)
    left, top = round((width - need.size) / 2), round((height - need.size) / 2)
    return picture.crop((left, top, left + need.size, top + need.size))
