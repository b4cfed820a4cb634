"""What happens beside the steps: seeds per epoch, a table of all scores, curves."""

from __future__ import annotations

import csv
import io
import math
import time
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer, seed_everything

from crackwise.imaging.files import write_atomically

__all__ = ["MetricsTable", "SeedEachEpoch", "draw_curves"]


COUNTS: dict[str, type[int] | type[float]] = {"epoch": int, "step": int}


class SeedEachEpoch(Callback):
    """Seeds every epoch by its number, so that dropout in a resumed run is that of an unbroken one.

    Of several processes each draws its own: they see different pictures.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """One seed per epoch and process."""
        seed = self.seed * 100_003 + trainer.current_epoch + trainer.global_rank * 15_485_863
        seed_everything(seed % 2**32, verbose=False)


class MetricsTable(Callback):
    """Keeps ``metrics.csv`` and ``curves.png``: one row per epoch.

    Losses, every score, the learning rate, and ``core_s``: processor seconds of the epoch and its validation, all
    threads of this process together, loading workers not counted. Their sum is what a run cost, however often it was
    interrupted.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "metrics.csv"
        self.rows: list[dict[str, float]] = []
        self.clock_s = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take up the rows of an interrupted run, up to the epoch it resumes from."""
        if self.path.is_file():
            with self.path.open(newline="", encoding="utf-8") as file:
                rows = [{k: COUNTS.get(k, float)(v) for k, v in row.items() if v} for row in csv.DictReader(file)]
            self.rows = [row for row in rows if row["epoch"] < trainer.current_epoch]
        self.clock_s = time.process_time()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Append this epoch and write both files anew."""
        if not trainer.is_global_zero:
            return
        validated = (trainer.current_epoch + 1) % (trainer.check_val_every_n_epoch or 1) == 0
        metrics = trainer.callback_metrics.items()  # keeps the scores of the last validation, however old
        values = {name: float(value) for name, value in metrics if validated or not name.startswith("val_")}
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        since_s, self.clock_s = self.clock_s, time.process_time()
        core_s = round(self.clock_s - since_s, 2)
        counted = {"epoch": trainer.current_epoch, "step": trainer.global_step, "core_s": core_s}
        self.rows.append({**counted, "lr": rate, **values})
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(self.path, text.getvalue().encode())
        draw_curves(self.rows, self.path.with_name("curves.png"))


def draw_curves(rows: list[dict[str, float]], path: Path) -> None:
    """Losses, scores and learning rate against the epoch, as a PNG."""
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = {
        "loss": lambda name: "loss" in name,
        "validation score": lambda name: name.startswith("val_") and "loss" not in name and name != "val_threshold",
        "learning rate": lambda name: name == "lr",
    }
    figure = Figure(figsize=(14, 5.6), layout="constrained")
    FigureCanvasAgg(figure)
    names = list(dict.fromkeys(name for row in rows for name in row))
    for axes, (title, belongs) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        axes.set_prop_cycle(color=[colormaps["tab20"](i) for i in range(20)])
        for name in filter(belongs, names):
            points = [(row["epoch"], row[name]) for row in rows if math.isfinite(row.get(name, math.nan))]
            axes.plot(*zip(*points, strict=True), label=name, marker="." if len(points) < 3 else None, linewidth=1.2)
        axes.set(title=title, xlabel="epoch")
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize=7, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.12), frameon=False)
    data: Any = io.BytesIO()
    figure.savefig(data, format="png", dpi=110)
    write_atomically(path, data.getvalue())
