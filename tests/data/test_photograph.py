"""The photograph of a crop, from its name."""

from __future__ import annotations

import pytest

from crackwise.data.photograph import bare_name, before_dash, compiled_as, compiled_photo, roboflow_photo


@pytest.mark.parametrize(
    ("name", "photo"),
    [
        ("Rissbilder_for_Florian_9S6A2782_312_1490_2152_2793", "walls/9S6A2782"),
        ("Volker_DSC01608_969_117_1674_1684", "walls/DSC01608"),
        ("noncrack_noncrack_concrete_wall_20_54", "walls/noncrack_noncrack_concrete_wall_20"),
        ("Eugen_Muller_8980a_100_47_665_631", "sylvie_eugen/Eugen_Muller_8980a"),
        ("Sylvie_Chambon_Im_GT_ESAR_28a", "sylvie_eugen/Sylvie_Chambon_Im_GT_ESAR_28a"),
        ("CRACK500_20160328_153821_1281_361", "crack500/CRACK500_20160328_153821"),
        ("CRACK500_IMG_2917_1297_485", "crack500/CRACK500_IMG_2917"),
        ("GAPS384_train_0541_1_641", "gaps384/GAPS384_train_0541"),
        ("DeepCrack_11289-10", "deepcrack/11289"),
        ("DeepCrack_11158", "deepcrack/11158"),
        ("DeepCrack_IMG_6536-1", "deepcrack/IMG_6536"),
        ("CFD_042", "cfd/042"),
        ("forest_042", "cfd/042"),
        ("cracktree200_6201", "cracktree200/cracktree200_6201"),
        ("Ceramic070", "Ceramic070"),
        ("2023_10_30_15_44_IMG_5888", "2023_10_30_15_44_IMG_5888"),
    ],
)
def test_a_compiled_name_tells_its_photograph(name: str, photo: str) -> None:
    assert compiled_photo(name) == photo


@pytest.mark.parametrize(
    ("prefix", "name", "compiled"),
    [
        ("CRACK500_", "20160222_081011_1_361", "CRACK500_20160222_081011_641_1"),
        ("CFD_", "042", "CFD_042"),
        ("DeepCrack_", "11125-2", "DeepCrack_11125-1"),
        ("GAPS384_", "train_0541_1_641", "GAPS384_train_0541_541_1"),
        ("cracktree200_", "6201", "cracktree200_6201"),
        ("Sylvie_Chambon_", "Im_GT_ESAR_28a", "Sylvie_Chambon_Im_GT_ESAR_28a"),
    ],
)
def test_a_set_and_its_compilation_agree_on_the_photograph(prefix: str, name: str, compiled: str) -> None:
    assert compiled_as(prefix)(name) == compiled_as(prefix)(compiled) == compiled_photo(compiled)


def test_extensions_go_even_if_doubled() -> None:
    assert bare_name("noncrack_noncrack_concrete_wall_0_0.jpg.jpg") == "noncrack_noncrack_concrete_wall_0_0"
    assert bare_name("DJ_Wall_1.JPG") == "DJ_Wall_1"
    assert bare_name("v1.2_wall.png") == "v1.2_wall"


def test_patches_and_augmented_copies_belong_to_their_photograph() -> None:
    assert before_dash("7001-42") == "7001"
    assert roboflow_photo("IMG_8216_jpg.rf.64d943a4") == roboflow_photo("IMG_8216_jpg.rf.0c11")
