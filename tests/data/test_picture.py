"""Decoding: every form of a picture as Pillow and scikit-image read it, and a reason for what is none."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
import skimage.io
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from archwise.data import picture
from archwise.data.picture import (
    decode,
    encode_array,
    encode_arrays,
    glance,
    likeness,
    picture_pixels,
    read_cell,
    to_pixels,
)
from archwise.errors import DataError
from archwise.records import Array, ImageNeed


def photo(size: tuple[int, int] = (48, 36)) -> Image.Image:
    """A picture with shapes, colours and soft edges."""
    across, down = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    red, green = 255 * across, 255 * down
    blue = 255 * ((across - 0.5) ** 2 + (down - 0.3) ** 2 < 0.05)
    return Image.fromarray(np.stack([red, green, blue], axis=2).astype(np.uint8))


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    held = io.BytesIO()
    image.save(held, kind, **options)  # type: ignore[arg-type]
    return held.getvalue()


def pixels_of(content: bytes) -> Array:
    return np.asarray(decode(content))


class TestForms:
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM"])
    def test_colour_is_read_as_pillow_reads_it(self, kind: str) -> None:
        content = saved(photo(), kind)
        assert np.array_equal(pixels_of(content), np.asarray(Image.open(io.BytesIO(content)).convert("RGB")))

    def test_grey_stays_grey(self) -> None:
        content = saved(photo().convert("L"))
        assert decode(content).mode == "L"
        assert np.array_equal(pixels_of(content), skimage.io.imread(io.BytesIO(content)))

    def test_palette_is_read_as_pillow_reads_it(self) -> None:
        content = saved(photo().quantize(16))
        assert np.array_equal(pixels_of(content), np.asarray(Image.open(io.BytesIO(content)).convert("RGB")))

    def test_cmyk_is_read_as_pillow_reads_it(self) -> None:
        content = saved(photo().convert("CMYK"), "JPEG")
        assert np.array_equal(pixels_of(content), np.asarray(Image.open(io.BytesIO(content)).convert("RGB")))

    @pytest.mark.parametrize("kind", ["PNG", "TIFF"])
    def test_16_bits_are_read_by_their_upper_8_as_scikit_image_does(self, kind: str) -> None:
        deep = np.random.default_rng(0).integers(0, 65_536, (20, 30)).astype(np.uint16)
        content = saved(Image.fromarray(deep), kind)
        wanted = skimage.util.img_as_ubyte(skimage.io.imread(io.BytesIO(content)))
        assert np.array_equal(pixels_of(content), wanted)

    @pytest.mark.parametrize("alpha", [0, 128, 255])
    def test_transparent_parts_are_white(self, alpha: int) -> None:
        image = photo().convert("RGBA")
        image.putalpha(alpha)
        white = Image.new("RGBA", image.size, "white")
        assert np.array_equal(pixels_of(saved(image)), np.asarray(Image.alpha_composite(white, image).convert("RGB")))

    def test_a_transparent_colour_of_a_palette_is_white(self) -> None:
        image = Image.new("P", (4, 4), 0)
        image.putpalette([255, 0, 0, 0, 0, 255])
        image.putpixel((0, 0), 1)
        assert pixels_of(saved(image, transparency=0))[1, 1].tolist() == [255, 255, 255]
        assert pixels_of(saved(image, transparency=0))[0, 0].tolist() == [0, 0, 255]

    @pytest.mark.parametrize("turn", range(1, 9))
    def test_exif_turns_are_undone(self, turn: int) -> None:
        exif = Image.Exif()
        exif[0x0112] = turn
        content = saved(photo(), "JPEG", exif=exif)
        wanted = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
        assert np.array_equal(pixels_of(content), np.asarray(wanted))
        assert (glance(content).width, glance(content).height) == decode(content).size

    def test_one_bit_is_black_and_white(self) -> None:
        assert set(np.unique(pixels_of(saved(photo().convert("1"))))) == {0, 255}

    def test_stretch_scales_as_pillow_does(self) -> None:
        wanted = photo().resize((16, 16), Image.Resampling.BILINEAR)
        assert np.array_equal(to_pixels(photo(), ImageNeed(16)), np.asarray(wanted))
        assert to_pixels(photo(), ImageNeed(16, 1)).shape == (16, 16, 1)


class TestArrays:
    @pytest.mark.parametrize("shape", [(9, 7), (9, 7, 1), (9, 7, 3)])
    def test_an_array_comes_back(self, shape: tuple[int, ...]) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
        assert np.array_equal(
            pixels_of(encode_array(pixels)), pixels.reshape(shape[:2] if shape[2:] == (1,) else shape)
        )

    def test_many_are_encoded_as_one_is(self) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (5, 6, 6)).astype(np.uint8)
        assert encode_arrays(pixels) == [encode_array(one) for one in pixels]

    def test_the_bytes_are_those_of_numpy(self) -> None:
        held = io.BytesIO()
        np.save(held, np.arange(12, dtype=np.uint8).reshape(3, 4))
        assert encode_array(np.arange(12, dtype=np.uint8).reshape(3, 4)) == held.getvalue()

    @pytest.mark.parametrize("array", [np.zeros((2, 2)), np.zeros(3, np.uint8), np.zeros((2, 2, 2), np.uint8)])
    def test_other_arrays_are_no_pictures(self, array: Array) -> None:
        held = io.BytesIO()
        np.save(held, array)
        with pytest.raises(DataError, match="an array"):
            decode(held.getvalue())


class TestBroken:
    def test_a_reason_for_each(self, tmp_path: object) -> None:
        content = saved(photo(), "JPEG")
        for cell, why in ((b"", "empty"), (b"hello", "not a picture"), (content[: len(content) // 2], "cut off")):
            with pytest.raises(DataError, match=why):
                decode(read_cell(cell))
        with pytest.raises(DataError, match="no such file"):
            read_cell("nowhere.jpg")
        with pytest.raises(DataError, match="cannot be opened"):
            read_cell(str(tmp_path))

    @pytest.mark.parametrize("side", [11_000, 60_000])  # beyond what is read here, and beyond what Pillow opens
    def test_a_bomb_is_refused_by_its_claim(self, side: int) -> None:
        content = bytearray(saved(photo()))
        content[16:24] = struct.pack(">II", side, side)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
        for read in (decode, glance):
            with picture.hushed(), pytest.raises(DataError, match=r"it claims .*more"):
                read(bytes(content))

    def test_what_starts_programs_is_not_opened(self) -> None:
        with pytest.raises(DataError, match="not a picture"):
            decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")

    @settings(max_examples=300, deadline=None)
    @given(
        st.sampled_from(["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "NPY"]),
        st.integers(0, 2_000),
        st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 255)), max_size=8),
    )
    def test_any_broken_file_is_a_picture_or_a_data_error(
        self, kind: str, n_cut: int, changes: list[tuple[int, int]]
    ) -> None:
        image = photo((20, 12))
        content = bytearray(encode_array(np.asarray(image)) if kind == "NPY" else saved(image, kind))
        del content[len(content) - n_cut % len(content) :]
        for place, value in changes:
            if content:
                content[place % len(content)] = value
        for read in (lambda given: picture_pixels(given, ImageNeed(8)), glance):
            with picture.hushed(), contextlib.suppress(DataError):
                read(bytes(content))

    @settings(max_examples=100, deadline=None)
    @given(st.sampled_from(picture.STARTS), st.binary(max_size=300))
    def test_any_bytes_behind_a_true_start_are_no_crash(self, start: bytes, rest: bytes) -> None:
        with contextlib.suppress(DataError):
            picture_pixels(start + rest, ImageNeed(8))


class TestGlance:
    def test_it_tells_the_size_and_the_colour(self) -> None:
        assert glance(saved(photo(), "JPEG")) == picture.Glance(48, 36, True)
        assert glance(saved(photo().convert("L").convert("RGB"))) == picture.Glance(48, 36, False)
        assert glance(encode_array(np.zeros((5, 9), np.uint8))) == picture.Glance(9, 5, False)

    def test_a_jpeg_that_is_cut_off_is_seen(self) -> None:
        content = saved(photo((400, 300)), "JPEG")
        with pytest.raises(DataError, match="cut off"):
            glance(content[: len(content) // 2])


class TestLikeness:
    def bits(self, image: Image.Image) -> int:
        return int.from_bytes(likeness(image), "big")

    def test_scaled_compressed_or_brighter_is_alike_and_turned_is_not(self) -> None:
        rng = np.random.default_rng(0)
        fields = Image.fromarray(rng.integers(0, 200, (9, 9, 3)).astype(np.uint8))
        image = fields.resize((180, 180), Image.Resampling.BICUBIC)
        same = self.bits(image)
        brighter = Image.fromarray(np.asarray(image) + np.uint8(20))
        for alike in (image.resize((60, 60)), decode(saved(image, "JPEG", quality=40)), brighter):
            assert (self.bits(alike) ^ same).bit_count() <= 4
        assert (self.bits(image.rotate(90)) ^ same).bit_count() > 15
