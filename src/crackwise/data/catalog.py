"""The table of data sets: where each is, how its masks are drawn, its terms, its photographs, its splits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from crackwise.data.layout import ClassFolders, CocoFiles, Layout, Pairs
from crackwise.data.photograph import before_dash, compiled_as, compiled_photo, roboflow_photo

__all__ = ["DATASETS", "DatasetRow", "Stroke", "describe"]

Stroke = Literal["accurate", "wide", "coarse", "centreline", "none", "picture"]


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """One data set: how to find, read, group and cite it."""

    summary: str
    licence: str
    paper: str
    stroke: Stroke
    """How labels are drawn: as wide as the crack, wider, coarse polygons or boxes, one pixel, none, or per picture."""
    address: str = ""
    """The public page."""
    archive: str = ""
    """What `fetch` downloads; empty where a login, a form or a browser stands before the files."""
    sha256: str | None = None
    """Of the archive; None where nobody has downloaded and checked it for this table: `fetch` then asks."""
    by_hand: str = ""
    """How to get the files where `fetch` cannot, and what to put where."""
    classes: tuple[str, ...] = ("crack",)
    family: str = ""
    """Sets cut from the same photographs share a family; default: the set's own name."""
    splits: str | None = None
    """The packaged name list that gives the parts (``"walls"``); default: the folders or index of the set itself."""
    photo_of: Callable[[str], str] | None = None
    """Bare file name to photograph or ``"family/photograph"``; default: the set's index, or the picture itself."""
    layout: tuple[Layout, ...] = ()
    """Where the published archive keeps pictures and labels; an ``index.csv`` goes before it."""


def describe() -> list[dict[str, str]]:
    """The table for people: name, summary, licence, paper, address, classes, stroke, how to get it."""
    return [
        {
            "name": name,
            "summary": row.summary,
            "licence": row.licence,
            "paper": row.paper,
            "address": row.address,
            "classes": ", ".join(row.classes),
            "stroke": row.stroke,
            "get": f"crackwise data fetch {name}" if row.archive else row.by_hand or "by hand",
        }
        for name, row in DATASETS.items()
    ]


KHANHHA_PAGE = "https://github.com/khanhha/crack_segmentation"
FPHB_PAGE = "https://github.com/fyangneil/pavement-crack-detection"
CRACKSAM_PAGE = "https://github.com/KG-TSI-Civil/CrackSAM"
HRSEGNET_PAGE = "https://github.com/CHDyshli/HrSegNet4CrackSegmentation"
CRACKSAM_PAPER = "Ge et al., Construction and Building Materials 431, 2024"
PART_OF_KHANHHA = "part of the Khanhha compilation; origin of the photographs not stated"
IMAGES_AND_MASKS = "put the pictures in images/ and the masks, of the same names, in masks/"
ROBOFLOW = "export as COCO (a free account is needed) and unpack so that train/, valid/ and test/ lie in the folder"

SDNET_FOLDERS = {
    **{"CD": True, "CP": True, "CW": True, "UD": False, "UP": False, "UW": False},
    **{"Cracked": True, "Non-cracked": False},  # a copy of it on Kaggle
}

DATASETS: dict[str, DatasetRow] = {
    "deepcrack": DatasetRow(
        summary="537 photographs of concrete and asphalt, 544x384",
        licence="none stated (cite the paper)",
        paper="Liu et al., Neurocomputing 338, 2019",
        stroke="accurate",
        address="https://github.com/yhlleo/DeepCrack",
        archive="https://github.com/yhlleo/DeepCrack/raw/master/dataset/DeepCrack.zip",
        photo_of=compiled_as("DeepCrack_"),
        layout=(Pairs("{part}_img/*.jpg", "{part}_lab/{stem}.png", parts=("train", "test")),),
    ),
    "crack500": DatasetRow(
        summary="asphalt close-ups: crops of 500 telephone photographs, 640x360 (also squeezed to 448x448)",
        licence="none stated",
        paper="Yang et al., IEEE T-ITS 21(4), 2020",
        stroke="wide",
        address=FPHB_PAGE,
        by_hand="download CRACK500 from the drive the page links; unpack traincrop, valcrop and testcrop in the folder",
        photo_of=compiled_as("CRACK500_"),
        layout=(Pairs("{part}crop/*.jpg", "{part}crop/{stem}.png", parts=("train", "val", "test")),),
    ),
    "cfd": DatasetRow(
        summary="CrackForest: 118 photographs of asphalt with shadows and oil, 480x320",
        licence="non-commercial research only",
        paper="Shi et al., IEEE T-ITS 17(12), 2016",
        stroke="accurate",
        address="https://github.com/cuilimeng/CrackForest-dataset",
        archive="https://github.com/cuilimeng/CrackForest-dataset/archive/refs/heads/master.zip",
        photo_of=compiled_as("CFD_"),
        layout=(Pairs("image/*.jpg", "groundTruth/{stem}.mat", kind="mat", unlabelled=True),),
    ),
    "conglomerate_walls": DatasetRow(
        summary="166 crops of concrete and plaster walls, re-drawn thin labels, 512x512",
        licence="none stated for the data",
        paper="wall part of Crack-Conglomerate350",
        stroke="accurate",
        address="https://github.com/zfsu3722/MTS-Based-Lightweight-Pavement-Crack-Detection-Model",
        by_hand=IMAGES_AND_MASKS,
        family="walls",
        splits="walls",
        photo_of=compiled_photo,
    ),
    "rissbilder": DatasetRow(
        summary="488 crops of concrete and plaster walls, 448x448",
        licence="none stated",
        paper=PART_OF_KHANHHA,
        stroke="wide",
        address=KHANHHA_PAGE,
        by_hand=IMAGES_AND_MASKS,
        family="walls",
        splits="walls",
        photo_of=compiled_photo,
    ),
    "volker": DatasetRow(
        summary="143 crops of concrete and plaster walls, 448x448",
        licence="none stated",
        paper=PART_OF_KHANHHA,
        stroke="wide",
        address=KHANHHA_PAGE,
        by_hand=IMAGES_AND_MASKS,
        family="walls",
        splits="walls",
        photo_of=compiled_photo,
    ),
    "noncrack_walls": DatasetRow(
        summary="196 crops of walls without cracks: joints, formwork lines, stains, 448x448",
        licence="none stated",
        paper=PART_OF_KHANHHA,
        stroke="none",
        address=KHANHHA_PAGE,
        by_hand=IMAGES_AND_MASKS,
        family="walls",
        splits="walls",
        photo_of=compiled_photo,
    ),
    "cracktree200": DatasetRow(
        summary="206 photographs of asphalt with strong shadows, 800x600 (also 30 of them, 448x448)",
        licence="none stated",
        paper="Zou et al., Pattern Recognition Letters 33(3), 2012",
        stroke="centreline",
        address=FPHB_PAGE,
        by_hand="download cracktree200 from the drive the page links; keep cracktree200rgb/ and cracktree200_gt/",
        photo_of=compiled_as("cracktree200_"),
        layout=(Pairs("cracktree200rgb/*.jpg", "cracktree200_gt/{stem}.png"),),
    ),
    "sylvie_eugen": DatasetRow(
        summary="18 photographs of asphalt and concrete, 448x448",
        licence="none stated",
        paper="Chambon and Moliard, Int. J. Geophysics, 2011 (part of the Khanhha compilation)",
        stroke="wide",
        address=KHANHHA_PAGE,
        by_hand=IMAGES_AND_MASKS,
        photo_of=compiled_photo,
    ),
    "wall_cracks_rf": DatasetRow(
        summary="5,369 pictures of plaster and concrete, augmented from about 1,099; 640x640 (also 360 of them)",
        licence="CC BY 4.0",
        paper="Roboflow Universe, cracks-3ii36",
        stroke="coarse",
        address="https://universe.roboflow.com/fyp-ny1jt/cracks-3ii36",
        by_hand=ROBOFLOW,
        photo_of=roboflow_photo,
        layout=(CocoFiles("{part}/_annotations.coco.json", "polygons", parts=("train", "valid", "test")),),
    ),
    "drywall_joints": DatasetRow(
        summary="1,022 pictures of gypsum boards with boxes around joints, 640x640 (also 349 of them)",
        licence="CC BY 4.0",
        paper="Roboflow Universe, drywall-join-detect",
        stroke="coarse",
        address="https://universe.roboflow.com/objectdetect-pu6rn/drywall-join-detect",
        by_hand=ROBOFLOW,
        classes=("drywall joint",),
        layout=(CocoFiles("{part}/_annotations.coco.json", "boxes", parts=("train", "valid", "test")),),
    ),
    "khanhha": DatasetRow(
        summary="11,298 crops compiled from eleven sets, 448x448, JPEG masks; lists :published (leaks) and :grouped",
        licence="that of its parts: CFD non-commercial, the others none stated",
        paper="Ha, Crack Segmentation (compilation), 2018",
        stroke="wide",
        address=KHANHHA_PAGE,
        by_hand="download crack_segmentation_dataset.zip from the drive the page links; keep train/ and test/",
        photo_of=compiled_photo,
        layout=(Pairs("{part}/images/*.jpg", "{part}/masks/{stem}.jpg", kind="jpeg", parts=("train", "test")),),
    ),
    "crackseg9k": DatasetRow(
        summary="9,255 crops compiled from ten sets, 400x400; lists :published (leaks) and :grouped of the 8,751 clean",
        licence="labelled CC0 1.0; terms of its parts differ",
        paper="Kulkarni et al., ECCV Workshops, 2022",
        stroke="wide",
        address="https://doi.org/10.7910/DVN/EGIEBY",
        by_hand="download from Dataverse; put the pictures in images/ and the masks in labels/",
        photo_of=compiled_photo,
        layout=(Pairs("images/*.jpg", "labels/{stem}.png"),),
    ),
    "gaps384": DatasetRow(
        summary="crops of 384 photographs of German asphalt roads (GAPs), 640x540",
        licence="academic use only",
        paper="Eisenbach et al., IJCNN, 2017; labels Yang et al., IEEE T-ITS 21(4), 2020",
        stroke="accurate",
        address=FPHB_PAGE,
        by_hand="download GAPS384 from the drive the page links; keep croppedimg/ and croppedgt/",
        photo_of=compiled_as("GAPS384_"),
        layout=(Pairs("croppedimg/*.jpg", "croppedgt/{stem}.png"),),
    ),
    "ael": DatasetRow(
        summary="AigleRN, ESAR and LCMS: photographs and laser images of French roads",
        licence="none stated",
        paper="Amhaz et al., IEEE T-ITS 17(10), 2016",
        stroke="accurate",
        address="https://www.irit.fr/~Sylvie.Chambon/Crack_Detection_Database.html",
        archive="https://www.irit.fr/~Sylvie.Chambon/CrackDataset.zip",
        photo_of=compiled_as("Sylvie_Chambon_"),
        layout=(
            Pairs(
                "TITS/IMAGES/*/Im_GT_*",
                "TITS/GROUND_TRUTH/{folder}/{stem}.png",
                kind="dark",
                label_of=lambda stem: stem.removeprefix("Im_").removesuffix("or"),
            ),
        ),
    ),
    "road420": DatasetRow(
        summary="420 photographs of asphalt and cement roads, noisy backgrounds",
        licence="none stated",
        paper=CRACKSAM_PAPER,
        stroke="accurate",
        address=CRACKSAM_PAGE,
        by_hand=f"download Road420 from the drive the page links; {IMAGES_AND_MASKS}",
        splits="published",
    ),
    "facade390": DatasetRow(
        summary="390 photographs of building facades with fine cracks",
        licence="none stated",
        paper=CRACKSAM_PAPER,
        stroke="accurate",
        address=CRACKSAM_PAGE,
        by_hand=f"download Facade390 from the drive the page links; {IMAGES_AND_MASKS}",
        splits="published",
    ),
    "concrete3k": DatasetRow(
        summary="3,000 pictures of concrete; mismatched labels were replaced in August 2023",
        licence="none stated",
        paper="Wang et al., Automation in Construction 139, 2022; collected by Li et al., 2023",
        stroke="wide",
        address=HRSEGNET_PAGE,
        by_hand=f"download Concrete3k from the share the page links; {IMAGES_AND_MASKS}",
        splits="published",
    ),
    "asphalt3k": DatasetRow(
        summary="about 3,000 pictures of asphalt",
        licence="none stated",
        paper="Yang et al., Applied Sciences 12(19), 2022; collected by Li et al., 2023",
        stroke="wide",
        address=HRSEGNET_PAGE,
        by_hand=f"download Asphalt3k from the share the page links; {IMAGES_AND_MASKS}",
    ),
    "sdnet2018": DatasetRow(
        summary="56,092 patches of decks, walls and pavements, 8,484 of them cracked, 256x256; no outlines",
        licence="CC BY 4.0",
        paper="Dorafshan et al., Data in Brief 21, 2018",
        stroke="picture",
        address="https://digitalcommons.usu.edu/all_datasets/48/",
        by_hand="download SDNET2018.zip with a browser; keep the folders D/, P/ and W/",
        photo_of=before_dash,
        layout=(ClassFolders("*/*/*", SDNET_FOLDERS),),
    ),
    "ccic": DatasetRow(
        summary="40,000 patches of concrete, half of them cracked, 227x227; no outlines, photographs not told apart",
        licence="CC BY 4.0",
        paper="Özgenel and Gönenç Sorguç, ISARC, 2018",
        stroke="picture",
        address="https://data.mendeley.com/datasets/5y9wdsg2zt/2",
        by_hand="download with a browser, unpack the .rar inside; keep the folders Positive/ and Negative/",
        layout=(ClassFolders("*/*", {"Positive": True, "Negative": False}),),
    ),
}
