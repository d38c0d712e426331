"""One image: every kind of file decoded to exact-size RGB, and what is not a whole image refused."""

from __future__ import annotations

import contextlib
import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from harness.data.images import Geometry, UnreadableError, load, resize
from harness.utils.errors import UserError
from tests.conftest import decoded, draw

SIDES = st.integers(1, 70)
FITS = st.sampled_from(["aspect", "plain"])


def encoded(image: np.ndarray | Image.Image, kind: str = "png", **options) -> bytes:
    """An image file's bytes, as Pillow writes them."""
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """The mean difference in grey levels."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


def smooth(height: int, width: int) -> np.ndarray:
    """A big picture with shapes of many sizes, as photographs have."""
    rows, columns = np.mgrid[:height, :width]
    picture = np.stack([128 + 100 * np.sin(rows / s + columns / t) for s, t in ((90, 60), (35, 150), (20, 25))], axis=2)
    cv2.circle(picture, (width // 2, height // 3), height // 5, (250, 30, 60), -1)
    cv2.rectangle(picture, (width // 8, height // 2), (width // 3, height - 9), (20, 60, 240), 12)
    return picture.astype(np.uint8)


# Geometry.


@given(SIDES, SIDES, SIDES, SIDES, FITS)
@settings(max_examples=300)
def test_any_image_comes_out_at_the_exact_size(height, width, tall, wide, fit):
    made = load(np.full((height, width, 3), 77, np.uint8), Geometry(tall, wide, fit))
    assert made.shape == (tall, wide, 3) and made.dtype == np.uint8
    assert (made == 77).all()


def test_aspect_aware_resizing_of_410x310_to_256x256_loses_width_only():
    image = np.zeros((310, 410, 3), np.uint8)
    image[:, 50:360, 0] = 255  # the centre square
    image[:2, :, 1] = image[-2:, :, 1] = 255  # the top and the bottom
    made = resize(image, Geometry(256, 256))
    assert (made[5:-5, :, 0] == 255).all()
    assert (made[[0, -1], :, 1] > 200).all()


def test_plain_resizing_keeps_the_whole_image():
    image = np.zeros((310, 410, 3), np.uint8)
    image[:, :50] = image[:, -50:] = 255
    made = resize(image, Geometry(100, 100, "plain"))
    assert (made[:, [0, -1]] == 255).all() and (made[:, 50] == 0).all()


@given(SIDES, SIDES)
def test_an_image_of_the_right_size_is_left_alone(height, width):
    image = draw(0, 0, height, width)
    assert (resize(image, Geometry(height, width)) == image).all()


@given(st.integers(2, 60), st.integers(1, 20), st.booleans())
def test_the_crop_is_in_the_middle(side, excess, tall):
    image = draw(1, 2, side + 2 * excess, side)
    image = image if tall else image.transpose(1, 0, 2)
    middle = image[excess : excess + side] if tall else image[:, excess : excess + side]
    assert (resize(image, Geometry(side, side)) == middle).all()


@pytest.mark.parametrize("wrong", [(0, 4), (4, -1), (4, 4, "crop")])
def test_an_impossible_geometry_is_refused(wrong):
    with pytest.raises(UserError, match="sides of at least 1 and fit 'aspect' or 'plain'"):
        Geometry(*wrong)


# Kinds of files.


def test_channels_come_out_as_red_green_blue():
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    for kind in ("png", "bmp", "tiff"):
        assert (load(encoded(red, kind), Geometry(8, 8)) == [255, 0, 0]).all()
    for side in (8, 64, 128, 256):  # JPEG is decoded at full, half, quarter and eighth scale
        big = np.zeros((side, side, 3), np.uint8)
        big[..., 0] = 255
        assert distance(load(encoded(big, "jpeg"), Geometry(8, 8)), red) < 2


def test_grey_palette_alpha_and_sixteen_bit_images_become_eight_bit_rgb():
    image = draw(2, 5)
    grey = image[..., 1]
    threefold = np.stack([grey] * 3, axis=2)
    assert (decoded(encoded(grey)) == threefold).all()
    assert distance(decoded(encoded(grey, "jpeg", quality=95)), threefold) < 3
    assert (decoded(encoded(np.dstack([image, grey]))) == image).all()
    assert (decoded(encoded(np.dstack([grey, 255 - grey]))) == threefold).all()
    palette = Image.fromarray(image).quantize(64)
    assert (decoded(encoded(palette)) == np.asarray(palette.convert("RGB"))).all()
    assert (decoded(encoded(palette, "gif")) == np.asarray(palette.convert("RGB"))).all()
    one_bit = Image.fromarray(grey).convert("1")
    assert (decoded(encoded(one_bit)) == np.asarray(one_bit.convert("RGB"))).all()
    ok, deep = cv2.imencode(".png", image[..., ::-1].astype(np.uint16) * 257)
    assert ok and distance(decoded(deep.tobytes()), image) <= 1


def test_a_cmyk_jpeg_keeps_its_colours():
    image = smooth(64, 64)
    content = encoded(Image.fromarray(image).convert("CMYK"), "jpeg", quality=95)
    assert distance(decoded(content), image) < 6


@pytest.mark.parametrize("side", [40, 700])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_cameras_orientation_mark_is_obeyed(orientation, side):
    rows, columns = np.mgrid[:side, : side * 3 // 2] * (160 / side)
    photo = Image.fromarray(np.stack([rows, columns, np.full_like(rows, 90)], axis=2).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(photo, "jpeg", quality=95, exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    geometry = Geometry(24, 20)  # the larger photo is decoded at an eighth of its size
    assert distance(load(content, geometry), resize(upright, geometry)) < 3


def test_an_array_is_taken_as_it_is():
    assert (load(draw(1, 1, 9, 7), Geometry(9, 7)) == draw(1, 1, 9, 7)).all()
    grey = draw(1, 1, 9, 7)[..., 0]
    assert (load(grey, Geometry(9, 7)) == grey[..., None]).all()


@pytest.mark.parametrize("size", [(300, 300), (600, 450), (700, 1000), (1300, 1100)])
def test_decoding_at_a_reduced_scale_is_close_to_decoding_in_full(size):
    content = encoded(smooth(*size), "jpeg", quality=90)
    geometry = Geometry(64, 64)
    assert distance(load(content, geometry), resize(decoded(content), geometry)) < 3


# What is no whole image.


def photo_with_thumbnail() -> bytes:
    """A JPEG with a smaller JPEG in its header, as cameras write them."""
    thumbnail = encoded(smooth(24, 32), "jpeg")
    whole = encoded(smooth(60, 80), "jpeg")
    segment = b"Exif\x00\x00" + thumbnail
    return whole[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2) + segment + whole[2:]


FILES = {
    "jpeg": encoded(smooth(60, 80), "jpeg"),
    "progressive": encoded(smooth(60, 80), "jpeg", progressive=True),
    "thumbnail": photo_with_thumbnail(),
    "png": encoded(smooth(60, 80)),
    "bmp": encoded(smooth(60, 80), "bmp"),
    "gif": encoded(Image.fromarray(smooth(60, 80)).quantize(64), "gif"),
    "webp": encoded(smooth(60, 80), "webp"),
    "tiff": encoded(smooth(60, 80), "tiff", compression="tiff_lzw"),
}


@given(st.sampled_from(sorted(FILES)), st.floats(0, 1), st.integers(1, 40), st.sampled_from([4, 30, 90]))
@settings(max_examples=400)
def test_a_truncated_file_is_refused_wherever_it_is_cut(kind, where, near_the_end, side):
    content, geometry = FILES[kind], Geometry(side, side)
    whole = load(content, geometry)
    for cut in (int(where * (len(content) - 1)), len(content) - near_the_end):
        try:
            made = load(content[:cut], geometry)
        except UnreadableError:
            continue
        # A cut that loses no pixel is no loss; anything else must have been refused.
        assert (made == whole).all(), f"{cut} of {len(content)} bytes"


@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_what_is_appended_to_a_whole_image_does_no_harm(kind):
    # Cameras append films and second pictures, whose bytes may be anything.
    film = np.random.default_rng(1).bytes(5000) + b"\xff\xda\xff\x00" + bytes(500)
    assert (decoded(FILES[kind] + film) == decoded(FILES[kind])).all()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"not a photograph, whatever its name says", "not an image"),
        (b"\xff\xd8", "cut off"),
        (b"\xff\xd8\xff\xd9", "no frame header"),
        (b"\x89PNG\r\n\x1a\n", "cut off"),
        (bytes(5000), "not an image"),
    ],
)
def test_what_is_no_image_is_refused_with_the_reason(content, told):
    with pytest.raises(UnreadableError, match=told):
        load(content, Geometry(8, 8))


def test_a_strip_that_would_take_gigabytes_to_enlarge_is_refused():
    strip = encoded(np.zeros((1, 20_000, 3), np.uint8))
    with pytest.raises(UnreadableError, match="a strip of 1×20000 pixels: too long to be enlarged"):
        load(strip, Geometry(224, 224))
    assert load(encoded(np.zeros((1, 200, 3), np.uint8)), Geometry(64, 64)).shape == (64, 64, 3)
    assert load(strip, Geometry(224, 224, "plain")).shape == (224, 224, 3)


def test_an_absurd_size_is_refused_before_it_is_decoded():
    content = bytearray(FILES["jpeg"])
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = (65535).to_bytes(2) * 2
    with pytest.raises(UnreadableError, match="65535×65535 pixels"):
        load(bytes(content), Geometry(8, 8))


@given(st.sampled_from(sorted(FILES)), st.data())
@settings(max_examples=200)
def test_damaged_bytes_give_an_image_or_a_refusal_and_never_a_crash(kind, data):
    content = bytearray(FILES[kind])
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(UnreadableError):
        assert load(bytes(content), Geometry(16, 16)).shape == (16, 16, 3)
