"""A picture from a file, or from its bytes, to the pixels that a network reads: one path for training and serving.

Source: Pillow decodes and scales; the middle is cut out as torchvision's Resize and CenterCrop do, on which the
published figures of pretrained networks rest.
"""

from __future__ import annotations

import io
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from archwise.errors import DataError
from archwise.records import Array, ImageNeed

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pbm", ".pnm")
MOST_PIXELS = 100_000_000  # of a picture; a small file can claim any number
NPY = b"\x93NUMPY"  # the first bytes of an array that was written by NumPy


def encode_array(pixels: Array) -> bytes:
    """One picture (H, W) or (H, W, C) uint8 as bytes from which `decode` makes it again."""
    held = io.BytesIO()
    np.lib.format.write_array(held, np.ascontiguousarray(pixels), allow_pickle=False)
    return held.getvalue()


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

    Transparent parts become white; 16 bits are cut to the upper 8.

    Raises:
        DataError: it is no picture, is cut off, or claims more pixels than any picture has.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    if content.startswith(NPY):
        return Image.fromarray(_read_array(content))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata, and of size, which is judged here
            with Image.open(io.BytesIO(content)) as opened:
                if opened.width * opened.height > MOST_PIXELS:
                    raise DataError(f"it claims {opened.width:,} x {opened.height:,} pixels, more than are read")
                opened.load()
                return _plain(ImageOps.exif_transpose(opened) or opened)
    except UnidentifiedImageError:
        raise DataError("it is not a picture") from None
    except Image.DecompressionBombError:
        raise DataError("it claims more pixels than are read") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError) as error:  # as Pillow's decoders raise
        raise DataError(f"it is broken or cut off ({str(error).splitlines()[0] if str(error) else error!r})") from None


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
    return to_pixels(decode(read_cell(cell)), need)


def _read_array(content: bytes) -> Array:
    try:
        pixels: Array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise DataError(f"it is a broken array ({error})") from None
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)):
        raise DataError(f"an array of {pixels.dtype} and the shape {pixels.shape} is no picture")
    return pixels


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
