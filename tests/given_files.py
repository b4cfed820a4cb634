"""Drawn walls with labels, a stand-in for a model, and its answers as files."""

import cv2
import numpy as np

from crackwise.data.folder import Item
from crackwise.data.masks import Mask
from crackwise.imaging.image import read_image
from crackwise.predictor import ModelCard

STEMS = ("a.b 1", "räume [2]", "c_3")


class Darkness:
    """A predictor that takes darkness for cracks."""

    sha256, runtime, precision = "0" * 64, "test", "f32"
    card = ModelCard(name="dark", version="1", threshold=0.6)

    def __call__(self, pixels):
        return (1 - pixels.mean(axis=2, dtype=np.float32) / 255)[None]


def draw_walls(folder, stems=STEMS, seed=0):
    """Walls of 40x50 px with a soft dark line each but the last, and items of them."""
    rng, items = np.random.default_rng(seed), []
    for i, stem in enumerate(stems):
        wall, label = rng.uniform(170, 210, (40, 50)), np.zeros((40, 50), np.uint8)
        if stem != STEMS[-1]:
            row = 8 + 9 * i
            wall[row - 2 : row + 3] = rng.uniform(20, 150, (5, 50))
            label[row - 2 : row + 3] = 255
        paths = [folder / kind / f"{stem}.png" for kind in ("images", "masks")]
        for path, plane in zip(paths, (wall.astype(np.uint8), label), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), plane)
        items.append(Item(paths[0], Mask("png", paths[1]), f"{folder.name}/{stem}", stem))
    return items


def numpy_file(path, plane):
    np.save(f"{path}.npy", plane)


def picture(suffix):
    """What writes a plane under a path with the suffix added."""

    def write(path, plane):
        path.with_name(path.name + suffix).write_bytes(cv2.imencode(suffix, plane)[1].tobytes())

    return write


WAYS = {
    "npy f32": (np.float32(1), numpy_file),
    "tiff f32": (np.float32(1), picture(".tiff")),
    "tiff 16 bits": (np.uint16(65535), picture(".tif")),
    "png 16 bits": (np.uint16(65535), picture(".png")),
    "png 8 bits": (np.uint8(255), picture(".png")),
}
"""Kind of file to what 1 is stored as, and what writes it."""
MASK_WAYS = {
    "png 0/1": lambda path, mask: picture(".png")(path, mask.astype(np.uint8)),
    "png 0/255": lambda path, mask: picture(".png")(path, mask * np.uint8(255)),
    "png 0/65535": lambda path, mask: picture(".png")(path, mask * np.uint16(65535)),
    "npy bool": numpy_file,
    "npy int64": lambda path, mask: numpy_file(path, mask.astype(np.int64)),
}

"""Kind of file to what writes a mask."""


def write_maps(folder, items, way):
    """The model's own maps of all pictures as files of a kind; returns the folder."""
    white, write = WAYS[way]
    folder.mkdir(parents=True, exist_ok=True)
    for item in items:
        plane = Darkness()(read_image(item.image))[0] * np.float32(white)
        write(folder / item.image.stem, plane if white == 1 else np.round(plane).astype(type(white)))
    return folder


def write_masks(folder, items, way="png 0/255"):
    """The model's own masks at its threshold as files of a kind; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for item in items:
        MASK_WAYS[way](folder / item.image.stem, Darkness()(read_image(item.image))[0] >= Darkness.card.threshold)
    return folder
