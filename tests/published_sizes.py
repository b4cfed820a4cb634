"""Networks at the sizes they were published with: for their counts, and for the tests marked `full`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Published(NamedTuple):
    """One size of a row of MODELS."""

    model: str
    options: Mapping[str, object]
    millions: float
    """Parameters as its publication rounds them."""
    parameters: int
    """As we count them. Where this is another number, the notes of the row say why."""

    @property
    def name(self) -> str:
        """For the list of tests: ``swin_upernet-tiny``."""
        return "-".join(map(str, (self.model, *self.options.values())))


CRACKSAM_TABLE_7 = (
    Published("vgg16_unet", {}, 53.91, 50_815_105),
    Published("swin_upernet", {"size": "tiny"}, 58.9, 58_941_627),
    Published("swin_upernet", {"size": "base"}, 120.0, 119_984_569),
    Published("lraspp", {}, 3.28, 3_218_138),
    Published("unet_fcn", {}, 28.99, 28_986_625),
    Published("unet_pspnet", {}, 28.97, 28_972_273),
    Published("deeplabv3plus", {"encoder": "tu-resnet101c", "width": 512, "output_stride": 8}, 60.2, 49_707_889),
    Published("deeplabv3plus", {"encoder": "tu-resnet50c", "width": 512, "output_stride": 8}, 41.2, 30_715_761),
    Published("pspnet", {"encoder": "tu-resnet101c"}, 65.59, 65_593_697),
    Published("vit_upernet", {}, 142.1, 142_104_321),
    Published("segformer", {"encoder": "mit_b5"}, 82.0, 81_969_089),
    Published("hrnet_fcn", {}, 9.63, 9_635_971),
)
"""The networks that CrackSAM is compared with (Ge et al., Construction and Building Materials 431, 2024)."""
