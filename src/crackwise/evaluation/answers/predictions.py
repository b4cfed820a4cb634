"""Predictions that anyone made: a folder of masks or probability maps, one file per picture, instead of a model.

What the numbers of a file mean follows one rule. Floats are probabilities between 0 and 1. Of integers 0 to the largest
of their type (255, 65535) stand for 0 to 1; but where no file of the folder holds steps between, so that all are masks,
a file of nothing but 0 and 1 is a mask as well, and its 1 is crack. Integers that nowhere get beyond a hundredth of
their largest are refused: numbers of classes, or 8 bits stored in 16, would be taken for faint probabilities.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crackwise.errors import DataError
from crackwise.imaging.files import sha256_of
from crackwise.imaging.image import SUFFIXES, read_image
from crackwise.imaging.levels import LEVEL_SUFFIXES, read_levels
from crackwise.imaging.tiles import predict_tiled
from crackwise.predictor import ModelCard, Predictor

if TYPE_CHECKING:  # the module imports torch, and predictions need none
    from crackwise.data.folder import Item

__all__ = ["DEFAULT_THRESHOLD", "Predictions", "Source", "maps_of", "open_predictions"]

DEFAULT_THRESHOLD = 0.5
NAMED = 5
"""So many pictures a sentence names."""
A_HAIR = 1e-6
"""By so much a float may miss 0 or 1: blended tiles do."""
FAINT = 0.01
"""Integers between 0 and their largest that nowhere get beyond this share of it mean something else."""
EIGHT_BITS = 255
WHITE = {"uint8": EIGHT_BITS, "uint16": 65535}

Levels = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Predictions:
    """A folder's files by the pictures they belong to; to the evaluation the same as a `Predictor`."""

    folder: Path
    files: Mapping[Path, Path]
    """Picture to its prediction."""
    card: ModelCard
    """Its name that of the folder, one class, the default threshold."""
    sha256: str
    """Over the names and contents of the files."""
    graded: bool
    """Some integer file holds steps between 0 and the largest, so that a 1 is a faint probability."""
    are_masks: bool
    """No file holds anything between absent and crack; then every threshold above 0 gives the same mask."""
    brightest: float
    """The largest integer of all files as a share of what stands for 1; 1 where there is a mask or a float."""
    runtime: str = "given"
    precision: str = "as stored"

    def maps(self, item: Item) -> NDArray[np.float32]:
        """The probabilities (1, h, w) of one picture."""
        return to_probabilities(read_levels(self.files[item.image]), graded=self.graded)[None]

    def to_dict(self) -> dict[str, object]:
        """Who made the predictions, as far as a folder tells; ready for JSON."""
        kind = "masks" if self.are_masks else "probability maps"
        return {"folder": str(self.folder), "files": len(self.files), "kind": kind, "sha256": self.sha256}


Source = Predictor | Predictions
"""What has an answer to a labelled picture."""


def maps_of(source: Source, item: Item, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The probabilities (k, h, w) of one picture (h, w, 3): read, or predicted in tiles where it is large."""
    return source.maps(item) if isinstance(source, Predictions) else predict_tiled(source, pixels)


def open_predictions(folder: Path, items: Sequence[Item], class_name: str | None = None) -> Predictions:
    """The files of a folder that belong to the pictures, each looked into once.

    A file belongs to the picture whose name its path ends, without its suffix: ``11125-1.png``, or where several
    pictures are called so ``test/11125-1.png``, ``deepcrack/test/11125-1.png``. Other files are passed over.

    Raises:
        DataError: no folder; pictures without a file or with several, files of another size, or numbers out of range.
        ImageError: a file that cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"No folder of predictions at {str(folder)!r}.")
    files = match(folder, items)
    digest, graded, are_masks, brightest, faults = hashlib.sha256(), False, True, 0.0, []
    values: set[int] = set()
    for item in sorted({item.image: item for item in items}.values(), key=lambda item: files[item.image]):
        path, levels = files[item.image], read_levels(files[item.image])
        digest.update(f"{path.relative_to(folder).as_posix()} {sha256_of(path)}\n".encode("utf-8", "surrogateescape"))
        faults += [f"{path.relative_to(folder)} {fault}" for fault in faults_of(levels, item)]
        binary = is_binary(levels)
        if levels.dtype.kind in "ui":
            graded = graded or not binary
            brightest = max(brightest, float(levels.max()) / white_of(levels))
            values |= set(np.unique(levels).tolist())
        are_masks = are_masks and binary
    if faults:
        raise DataError(f"Predictions in {str(folder)!r} that cannot be scored: {listed(faults, '; ')}.")
    if graded and brightest < FAINT:
        raise DataError(
            f"The integers in {str(folder)!r} nowhere get beyond {brightest:.2%} of their largest, which stands for 1: "
            "save probabilities as floats, or masks as 0 and 255 in 8 bits."
        )
    if graded and len(values - {0}) == 1:
        raise DataError(
            f"The integers in {str(folder)!r} are 0 and {max(values)} alone, which is neither a mask nor a map: save "
            "masks as 0 and 255 in 8 bits."
        )
    name = folder.resolve().name or str(folder)
    card = ModelCard(name=name, version="", classes=(class_name or "crack",), threshold=DEFAULT_THRESHOLD)
    return Predictions(folder, files, card, digest.hexdigest(), graded, are_masks, brightest if graded else 1.0)


def match(folder: Path, items: Sequence[Item]) -> dict[Path, Path]:
    """Every picture's one file.

    Raises:
        DataError: a picture without a file or with several, or a file that several pictures claim.
    """
    by_name: dict[PurePath, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in LEVEL_SUFFIXES and path.is_file():
            by_name[path.relative_to(folder).with_suffix("")].append(path)
    found = {
        item.image: [path for name in dict.fromkeys(names_of(item)) for path in by_name.get(name, ())] for item in items
    }
    claims = Counter(path for paths in found.values() for path in paths)
    names = {item.image: item.name for item in items}
    wrong = {
        "without a prediction": [names[image] for image, paths in found.items() if not paths],
        "with several": [f"{names[i]} ({', '.join(map(relative(folder), p))})" for i, p in found.items() if len(p) > 1],
        "that share a file (mirror their names in sub-folders)": [
            names[image] for image, paths in found.items() if len(paths) == 1 and claims[paths[0]] > 1
        ],
    }
    if any(wrong.values()):
        told = "; ".join(f"{len(of_kind)} {what}: {listed(of_kind)}" for what, of_kind in wrong.items() if of_kind)
        raise DataError(
            f"{str(folder)!r} must hold one file ({', '.join(LEVEL_SUFFIXES)}) for each of the {len(found)} pictures, "
            f"named as it. Pictures {told}.{passed_over(folder)}"
        )
    return {image: paths[0] for image, paths in found.items()}


def passed_over(folder: Path) -> str:
    """A sentence on pictures in other formats, where there are any: JPEG above all, which blurs masks."""
    others = Counter(path.suffix.lower() for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    told = [f"{n} {suffix}" for suffix, n in sorted(others.items()) if suffix not in LEVEL_SUFFIXES]
    return f" Files in other formats are passed over: {', '.join(told)}." if told else ""


def relative(folder: Path) -> Callable[[Path], str]:
    """Paths as they lie in the folder."""
    return lambda path: path.relative_to(folder).as_posix()


def names_of(item: Item) -> Iterator[PurePath]:
    """What a picture's file may be called: the ends of its name in the data set, and of its own path."""
    for parts in (PurePath(item.name).parts, item.image.with_suffix("").parts):
        for start in range(len(parts)):
            yield PurePath(*parts[start:])


def listed(names: Sequence[str], between: str = ", ") -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return between.join(names[:NAMED]) + more


def white_of(levels: Levels) -> int:
    """What stands for 1 in integers: the largest of their type; of signed and wide ones, as arrays have them, 255."""
    return WHITE.get(levels.dtype.name, EIGHT_BITS)


def is_binary(levels: Levels) -> bool:
    """Whether a plane holds nothing but absent and crack."""
    if levels.dtype.kind not in "ui":
        return levels.dtype.kind == "b" or bool(np.isin(levels, (0, 1)).all())
    return any(bool(((levels == 0) | (levels == white)).all()) for white in (1, white_of(levels)))


def faults_of(levels: Levels, item: Item) -> Iterator[str]:
    """What keeps a prediction from being scored."""
    shape = read_image(item.image).shape[:2]
    if levels.shape != shape:
        yield f"is {levels.shape[1]}x{levels.shape[0]} px, its picture {shape[1]}x{shape[0]}"
    if levels.dtype.kind not in "buif":
        yield f"holds {levels.dtype}, no numbers"
        return
    if levels.dtype.kind == "f" and np.isnan(levels).any():
        yield "holds nan, which is no number"
        return
    low, high = float(levels.min()), float(levels.max())
    most = 1 + A_HAIR if levels.dtype.kind in "fb" else white_of(levels)
    if not (low >= -A_HAIR and high <= most):
        yield f"holds {low:g} to {high:g}, not {'0 to 1' if levels.dtype.kind == 'f' else f'0 to {most}'}"


def to_probabilities(levels: Levels, *, graded: bool) -> NDArray[np.float32]:
    """A plane (h, w) of any type as probabilities."""
    if levels.dtype.kind in "fb":
        return np.clip(levels.astype(np.float32), 0, 1)
    white = 1 if not graded and levels.max() == 1 else white_of(levels)
    return np.asarray(levels.astype(np.float32) / np.float32(white))
