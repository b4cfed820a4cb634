import io

import cv2
import numpy as np
import pytest
from PIL import Image

from crackwise.errors import ImageError
from crackwise.imaging.levels import read_levels

RAMP = np.arange(48).reshape(6, 8)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF", ".npy"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_numbers_come_back_as_they_were_stored(tmp_path, suffix, kind):
    if (suffix, kind) == (".png", np.float32):
        pytest.skip("PNG has no floats")
    path, plane = tmp_path / f"plane{suffix}", (RAMP * 5).astype(kind)
    if suffix == ".npy":
        np.save(path, plane)
    else:
        path.write_bytes(cv2.imencode(suffix.lower(), plane)[1].tobytes())
    found = read_levels(path)
    assert found.dtype == kind
    assert np.array_equal(found, plane)


@pytest.mark.parametrize("kind", [bool, np.float16, np.float64, np.int64])
@pytest.mark.parametrize("shape", [(6, 8), (1, 6, 8), (6, 8, 1)])
def test_arrays_of_one_plane_have_any_type(tmp_path, kind, shape):
    np.save(tmp_path / "a.npy", (RAMP % 2).astype(kind).reshape(shape))
    assert np.array_equal(read_levels(tmp_path / "a.npy"), (RAMP % 2).astype(kind))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P"])
def test_a_grey_picture_of_any_mode_is_its_grey(tmp_path, mode):
    mask = (RAMP % 3 == 0).astype(np.uint8) * 255
    Image.fromarray(mask).convert("RGB" if mode == "P" else mode).convert(mode).save(tmp_path / "a.png")
    assert np.array_equal(read_levels(tmp_path / "a.png"), mask)


def test_colours_and_transparency_are_refused(tmp_path):
    Image.fromarray(np.stack([RAMP, RAMP, RAMP * 2], axis=2).astype(np.uint8)).save(tmp_path / "rgb.png")
    Image.fromarray(np.stack([RAMP, RAMP], axis=2).astype(np.uint8), "LA").save(tmp_path / "la.png")
    for name in ("rgb.png", "la.png"):
        with pytest.raises(ImageError, match="is in colours, or transparent; save one plane of grey"):
            read_levels(tmp_path / name)


def content_of(write):
    file = io.BytesIO()
    write(file)
    return file.getvalue()


PLAIN = Image.fromarray(RAMP.astype(np.uint8))
REFUSED = {
    "text.png": (b"a note", "not a JPEG, PNG, TIFF, WebP or BMP picture"),
    "empty.png": (b"", "is empty"),
    "jpeg.png": (content_of(lambda file: PLAIN.save(file, "JPEG")), "holds neither PNG nor TIFF"),
    "jpeg.tif": (content_of(lambda file: PLAIN.save(file, "JPEG")), "holds neither PNG nor TIFF"),
    "cut.png": (content_of(lambda file: PLAIN.save(file, "PNG"))[:-20], "damaged or incomplete"),
    "cut.tif": (content_of(lambda file: PLAIN.save(file, "TIFF"))[:-20], "damaged or incomplete"),
    "pages.tif": (
        content_of(lambda file: PLAIN.save(file, "TIFF", save_all=True, append_images=[PLAIN])),
        "holds several pictures",
    ),
    "objects.npy": (
        content_of(lambda file: np.save(file, np.array([{}]), allow_pickle=True)),
        "holds Python objects, which are not opened",
    ),
    "archive.npy": (content_of(lambda file: np.savez(file, RAMP)), "is no NPY file"),
    "cut.npy": (content_of(lambda file: np.save(file, RAMP))[:-20], "damaged or incomplete"),
    "header.npy": (content_of(lambda file: np.save(file, RAMP))[:30], "damaged or incomplete"),
    "text.npy": (b"0 1 0", "is no NPY file"),
    "colours.npy": (content_of(lambda file: np.save(file, np.zeros((6, 8, 3)))), r"in the shape \(6, 8, 3\)"),
    "line.npy": (content_of(lambda file: np.save(file, np.zeros(6))), r"in the shape \(6,\)"),
    "nothing.npy": (content_of(lambda file: np.save(file, np.zeros((0, 8)))), r"in the shape \(0, 8\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_plane_of_numbers_is_refused_in_a_sentence(tmp_path, name):
    content, told = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError, match=told) as refusal:
        read_levels(tmp_path / name)
    assert str(tmp_path / name) in str(refusal.value)


@pytest.mark.parametrize("name", ["a.png", "a.npy"])
def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path, name):
    with pytest.raises(ImageError, match="Cannot read"):
        read_levels(tmp_path / name)
    (tmp_path / name).mkdir()
    with pytest.raises(ImageError):
        read_levels(tmp_path / name)
