"""Drawn images of all kinds against Pillow, which reads them on its own; and what is left of them when they are cut."""

from __future__ import annotations

import io
import random

import numpy as np
from PIL import Image, ImageOps

from harness.data.images import Geometry, UnreadableError, load
from tests.conftest import decoded
from tests.conftest import draw as drawn
from tests.hostile.suite.tally import Tally

COUNT = 150
# Format, modes, and the largest mean difference in grey levels: decoders of lossy kinds round otherwise.
KINDS = [
    ("PNG", ("RGB", "L", "P", "RGBA", "LA", "1"), 0.01),
    ("BMP", ("RGB", "L", "P", "1"), 0.01),
    ("TIFF", ("RGB", "L"), 0.01),
    ("GIF", ("P", "L"), 0.01),
    ("PPM", ("RGB", "L"), 0.01),
    ("WEBP", ("RGB",), 2.0),
    ("JPEG", ("RGB", "L", "CMYK"), 2.0),
    ("JPEG2000", ("RGB",), 2.0),
    ("AVIF", ("RGB",), 3.0),
]


def encoded(draw: random.Random) -> tuple[str, bytes, np.ndarray, float]:
    """A name, an encoded image, what Pillow makes of it, and how much may differ."""
    kind, modes, apart = draw.choice(KINDS)
    mode = draw.choice(modes)
    side = draw.randint(9, 70), draw.randint(9, 70)
    image = Image.fromarray(drawn(draw.randrange(4), draw.randrange(99), *side)).convert(mode)
    options = {}
    if kind == "JPEG":
        options = {
            "quality": draw.choice([60, 90]),
            "progressive": draw.random() < 0.5,
            "subsampling": draw.randrange(3),
        }
        if draw.random() < 0.5:
            tags = Image.Exif()
            tags[0x0112] = draw.randint(1, 8)
            options["exif"] = tags
    if kind == "TIFF":
        options["compression"] = draw.choice([None, "tiff_lzw", "tiff_deflate"])
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    content = stream.getvalue()
    # Transparency is dropped, not laid on a colour.
    opened = Image.open(io.BytesIO(content))
    opened.load()
    seen = ImageOps.exif_transpose(opened)
    seen = Image.merge("RGB", seen.split()[:3]) if seen.mode == "RGBA" else seen
    seen = seen.getchannel(0) if seen.mode == "LA" else seen
    return f"{kind} {mode} {options}", content, np.asarray(seen.convert("RGB")), apart


def test_images_against_pillow(draw: random.Random, record_property):
    tally = Tally("images against Pillow")
    for _ in range(COUNT):
        name, content, expected, apart = encoded(draw)
        apart = 12.0 if "CMYK" in name else apart  # the two turn ink to colour by different rules
        with tally.case(name):
            found = decoded(content)
            shapes = f"{name}: {found.shape}, not {expected.shape}"
            tally.expect(found.shape == expected.shape, shapes)
            if found.shape == expected.shape:
                difference = np.abs(found.astype(int) - expected).mean()
                tally.expect(difference <= apart, f"{name}: {difference:.2f} grey levels apart")
    tally.close(record_property)


def test_damaged_images(draw: random.Random, record_property):
    """A cut-off PNG or JPEG is never taken for whole; nothing else than a word comes of any damage."""
    tally = Tally("images cut off or altered")
    for _ in range(400):
        name, content, _, _ = encoded(draw)
        cut = draw.random() < 0.4
        damaged = bytearray(content)
        if cut:
            damaged = damaged[: draw.randrange(len(damaged))]
        else:
            for _ in range(draw.randint(1, 20)):
                damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        with tally.case(f"{name} cut={cut}"):
            try:
                found = load(bytes(damaged), Geometry(16, 16))
            except UnreadableError:
                continue
            tally.expect(found.shape == (16, 16, 3), f"{name}: {found.shape}")
            is_checked = name.startswith(("PNG", "JPEG ")) and len(damaged) < len(content) - 16
            tally.expect(not (cut and is_checked), f"{name}: cut to {len(damaged)} of {len(content)} and read")
    tally.close(record_property)
