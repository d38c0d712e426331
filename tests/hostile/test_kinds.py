"""Images of rare kinds are read; those that cannot be are named with a count."""

from __future__ import annotations

from PIL import Image

from harness.pipeline.graph import Pipeline
from harness.plugins import loading
from harness.plugins.scaffold import create
from tests.conftest import draw


def test_rare_kinds_are_read_and_the_rest_is_named_with_a_count(class_folders, workspace, harness):
    folder = class_folders(each=6)
    for label, name in enumerate(("ants", "bees", "wasps")):
        (folder / "train" / name).mkdir(parents=True)
        for suffix, kind in ((".jfif", "JPEG"), (".JP2", "JPEG2000"), (".avif", "AVIF"), (".ppm", "PPM")):
            Image.fromarray(draw(label, 99)).save(folder / "train" / name / f"more{suffix}", kind)
        (folder / name).rename(folder / "train" / name / "usual")
    (folder / "test").mkdir()
    for name in ("1.heic", "2.HEIC", "3.svg"):
        (folder / "test" / name).write_bytes(b"unreadable")
    Image.fromarray(draw(0, 100)).save(folder / "test" / "4.jfif", "JPEG")
    _, said = create(workspace, "insects", folder)
    told = "left out: 3 images of kinds that cannot be read (2 .heic, 1 .svg): test/1.heic, test/2.HEIC, test/3.svg"
    assert any(told in line for line in said)
    assert told in harness("prepare", "insects").err
    dataset = Pipeline(workspace, loading.load(workspace, "insects")).artifacts.dataset
    assert sum("more" in name for name in dataset.ids) == 12 and len(dataset.rows("test")) == 1
