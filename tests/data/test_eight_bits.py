"""Images of more than 8 bits: every form, windowed by every rule, and hostile files refused."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.dataset import Dataset as Dicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from harness.data.eight_bits import eight_bits, is_deep, windowed
from harness.data.image_sizes import UnreadableError
from harness.data.images import Geometry, load
from harness.data.readers.reader import Files
from harness.data.windowed import Windowed, decoding_steps
from harness.utils.errors import UserError
from tests.conftest import decoded

RAMP = np.arange(12).reshape(3, 4)


def npy(values: np.ndarray, **options) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, **options)
    return stream.getvalue()


def encoded(values: np.ndarray, kind: str) -> bytes:
    if kind == "npy":
        return npy(values)
    done, content = cv2.imencode(f".{kind}", values[..., ::-1] if values.ndim == 3 else values)
    assert done
    return content.tobytes()


def by_hand(values: np.ndarray, low: float, high: float) -> list:
    """The rule, value by value."""
    return [round(255 * min(max((float(value) - low) / (high - low), 0), 1)) for value in values.ravel()]


KINDS = [("png", "uint16"), ("tiff", "uint16"), ("tiff", "float32"), ("tiff", "float64"), ("tiff", "int16")]
KINDS += [("npy", name) for name in ("uint16", "int16", "int32", "int64", "float16", "float32", "float64", ">u2")]


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize(("kind", "dtype"), KINDS)
def test_a_declared_window_is_linear_between_its_values_and_clips_outside(kind: str, dtype: str, colour: bool):
    values = (RAMP * 100).astype(dtype)
    if colour:
        values = np.stack([values, values + 50, values * 0 + 7], axis=2).astype(dtype)
    made = windowed(encoded(values, kind), (150.0, 930.0))
    assert isinstance(made, np.ndarray) and made.dtype == np.uint8 and made.shape == values.shape
    assert np.abs(made.ravel().astype(int) - by_hand(values, 150, 930)).max() <= (dtype == "float16")
    low, high = float(values.min()), float(values.max())
    assert windowed(encoded(values, kind), "image").ravel().tolist() == by_hand(values, low, high)
    low, high = np.percentile(values.astype(float), (1, 99))
    assert (
        np.abs(windowed(encoded(values, kind), "percentiles").ravel() - np.array(by_hand(values, low, high))).max() < 2
    )


@pytest.mark.parametrize("window", ["file", "image", "percentiles", (3.0, 50.0)])
@pytest.mark.parametrize("kind", ["png", "tiff", "jpg", "webp", "bmp"])
def test_eight_bits_are_left_as_they_are(kind: str, window):
    content = encoded(np.stack([RAMP * 20] * 3, axis=2).astype(np.uint8), kind)
    assert windowed(content, window) is content


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_without_a_window_sixteen_bits_are_decoded_as_ever(kind: str):
    content = encoded((RAMP * 5000).astype(np.uint16), kind)
    assert windowed(content) is content
    shown = windowed(npy((RAMP * 5000).astype(np.uint16)))
    assert np.abs(decoded(content)[..., 0].astype(int) - shown).max() <= 1


def test_marks_and_bytes_in_arrays():
    assert windowed(npy(RAMP > 5)).ravel().tolist() == [0] * 6 + [255] * 6
    assert windowed(npy(RAMP.astype(np.uint8))[:]).tolist() == RAMP.tolist()
    assert windowed(npy(np.asfortranarray(RAMP.astype(np.uint8)))).tolist() == RAMP.tolist()
    assert windowed(npy(RAMP.astype(np.uint8)[..., None])).tolist() == RAMP.tolist()
    assert not any(map(is_deep, (npy(RAMP > 5), RAMP > 5, npy(RAMP.astype(np.uint8))))) and is_deep(npy(RAMP * 1.0))


def test_what_is_no_number_is_black_and_the_infinite_is_clipped():
    values = np.array([[np.nan, -np.inf, np.inf, 1.0, 3.0]])
    assert windowed(npy(values), "image").tolist() == [[0, 0, 255, 0, 255]]
    assert windowed(npy(np.full((2, 2), np.nan)), "image").tolist() == [[0, 0], [0, 0]]
    assert windowed(npy(np.full((2, 2), 5.0)), "image").max() == 0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (npy(RAMP.astype(np.float32)), r"float32 numbers, and nothing says.*window=\(low, high\)"),
        (encoded(RAMP.astype(np.float32), "tiff"), "float32 numbers, and nothing says"),
        (npy(np.array([{}, 1], object), allow_pickle=True), "object values, not numbers"),
        (npy(RAMP.astype(complex)), "complex128 values"),
        (npy(np.array([["a"]])), "values, not numbers"),
        (npy(np.zeros((2, 3, 4, 5))), r"shape \(2, 3, 4, 5\)"),
        (npy(np.zeros(5)), r"shape \(5,\)"),
        (npy(np.zeros((4, 4, 2))), r"shape \(4, 4, 2\)"),
        (npy(np.zeros((0, 4))), r"shape \(0, 4\)"),
        (npy(np.zeros((3, 4)))[:-1], "cut off"),
        (npy(np.zeros((3, 4))).replace(b"(3, 4)", b"(9**9)"), "header is not that of an array"),
        (npy(np.zeros((3, 4))).replace(b"(3, 4), }        ", b"(99999, 99999), }"), "cut off"),
        (b"\x93NUMPY", "header is not that of an array"),
    ],
)
def test_what_cannot_be_an_image_is_refused(content: bytes, told: str):
    with pytest.raises(UnreadableError, match=told):
        windowed(content)


# DICOM.


def dicom(values: np.ndarray, syntax: str = ExplicitVRLittleEndian, **tags) -> bytes:
    """A DICOM file as pydicom writes it."""
    file = Dicom()
    file.file_meta = FileMetaDataset()
    file.file_meta.TransferSyntaxUID = syntax
    file.file_meta.MediaStorageSOPClassUID = file.SOPClassUID = SecondaryCaptureImageStorage
    file.file_meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID = "1.2.3"
    colour = values.ndim == 3 and values.shape[2] == 3
    bits = 8 if colour else 16
    file.Rows, file.Columns = values.shape[:2] if "NumberOfFrames" not in tags else values.shape[1:]
    file.SamplesPerPixel = 3 if colour else 1
    file.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    file.BitsAllocated = file.BitsStored = bits
    file.HighBit, file.PixelRepresentation = bits - 1, 0 if colour else 1
    if colour:
        file.PlanarConfiguration = 0
    file.PixelData = values.astype(np.uint8 if colour else np.int16).tobytes()
    for name, value in tags.items():
        setattr(file, name, value)
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, file, enforce_file_format=True)
    return stream.getvalue()


def test_dicom_is_shown_in_its_window_in_the_modalitys_units():
    values = RAMP * 100
    units = values * 2.0 - 1024
    content = dicom(values, RescaleSlope=2, RescaleIntercept=-1024, WindowCenter=40, WindowWidth=400)
    centre, width = 40, 400
    by_standard = np.clip(((units - (centre - 0.5)) / (width - 1) + 0.5), 0, 1) * 255  # PS3.3 C.11.2.1.2.1
    made = windowed(content)
    assert np.abs(made - by_standard).max() <= 1
    assert (windowed(dicom(values, RescaleSlope=2, RescaleIntercept=-1024, WindowCenter=40, WindowWidth=400,
                           PhotometricInterpretation="MONOCHROME1")) == 255 - made).all()  # fmt: skip
    assert windowed(content, (-1000.0, 1000.0)).ravel().tolist() == by_hand(units, -1000, 1000)


@pytest.mark.parametrize("window", [{"WindowCenter": None, "WindowWidth": None}, {"WindowCenter": 30}])
def test_dicom_with_an_empty_or_half_window_is_shown_from_its_lowest_to_its_highest_value(window):
    assert windowed(dicom(RAMP - 5, **window)).ravel().tolist() == by_hand(RAMP, 0, 11)


def test_only_data_with_files_of_a_kind_is_made_from_how_these_are_read():
    assert decoding_steps(["1.png", "2.JPG"]) == ("decoding",)
    assert decoding_steps(["1.tif", "2.dcm"]) == ("decoding", "dicom", "tiff")
    assert decoding_steps(["1.png", "2.DCM"]) == decoding_steps(["1.dicom"]) == ("decoding", "dicom")


@pytest.mark.parametrize("big_tiff", [False, True])
def test_tiffs_of_any_size_of_offsets_are_windowed(big_tiff: bool):
    values = (1000 + 100 * RAMP).astype(np.uint16)
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "TIFF", big_tiff=big_tiff)
    assert windowed(stream.getvalue(), "image").ravel().tolist() == by_hand(RAMP, 0, 11)


def test_dicom_without_a_window_of_several_frames_and_in_colour():
    assert windowed(dicom(RAMP - 5)).ravel().tolist() == by_hand(RAMP, 0, 11)
    frames = np.stack([RAMP, RAMP[::-1]])
    assert (windowed(dicom(frames, NumberOfFrames=2)) == windowed(dicom(RAMP))).all()
    colour = np.random.default_rng(0).integers(0, 256, (4, 6, 3))
    assert (windowed(dicom(colour)) == colour).all()
    table = Dicom()
    table.LUTDescriptor, table.LUTExplanation, table.LUTData = (
        [4, 0, 16],
        "a table",
        np.array([0, 10000, 20000, 65535], np.uint16).tobytes(),
    )
    shown = windowed(dicom(np.array([[0, 1, 2, 3, 9]]), PixelRepresentation=0, VOILUTSequence=[table]))
    assert shown.tolist() == [[0, 39, 78, 255, 255]]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (bytes(128) + b"DICM", "DICOM file that pydicom cannot read"),
        (dicom(RAMP)[:-4], "DICOM file that pydicom cannot read"),
        (dicom(RAMP, Rows=60000, Columns=60000), "claims 60000×60000 pixels"),
        (dicom(RAMP, PhotometricInterpretation="PALETTE COLOR"), "palette"),
        (dicom(RAMP, syntax=DeflatedExplicitVRLittleEndian), "deflated"),
    ],
)
def test_a_dicom_file_that_holds_no_image_is_refused(content: bytes, told: str):
    with pytest.raises(UnreadableError, match=told):
        windowed(content)


def test_more_values_than_memory_is_kept_for_are_refused():
    claimed = np.broadcast_to(np.float32(1), (5000, 5000))
    with pytest.raises(UnreadableError, match="25,000,000 values of float32; at most 20,833,333"):
        eight_bits(claimed, "image")


def test_without_pydicom_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    content = dicom(RAMP)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(UserError, match="pydicom, the extra 'dicom'") as refusal:
        windowed(content)
    assert refusal.value.fix == "make dicom"


def test_a_source_windows_what_it_reads(tmp_path: Path):
    Image.fromarray(RAMP.astype(np.float32)).save(tmp_path / "deep.tif")
    (tmp_path / "flat.png").write_bytes(encoded(RAMP.astype(np.uint8), "png"))
    source = Windowed(Files(tmp_path), "image")
    assert source.read("deep.tif").ravel().tolist() == by_hand(RAMP, 0, 11)
    assert source.read("flat.png") == (tmp_path / "flat.png").read_bytes()


DAMAGED = [npy(RAMP.astype(np.uint16)), encoded(RAMP.astype(np.float32), "tiff"), dicom(RAMP)]


@given(st.binary(max_size=60), st.integers(0, 200))
@settings(max_examples=60, deadline=None)
def test_damaged_headers_give_an_image_or_a_refusal(rubbish: bytes, at: int):
    for content in DAMAGED:
        damaged = content[:at] + rubbish + content[at + len(rubbish) :]
        try:
            load(windowed(damaged, "image"), Geometry(4, 4))
        except UnreadableError:
            continue
