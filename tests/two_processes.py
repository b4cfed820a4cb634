"""Run by `test_processes.py` in each of two processes: this one's half of a batch through every loss and a norm.

Usage: python two_processes.py RANK FOLDER
"""

import sys
from pathlib import Path

import torch
from torch import distributed as dist
from torch import nn

from crackwise.losses import LOSSES
from crackwise.processes import everyones
from crackwise.training.norms import join_norms


def main(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder / 'store'}", rank=rank, world_size=2)
    batch = torch.load(folder / "batch.pt", weights_only=True)
    half = slice(rank, None, 2)
    answers: dict[str, object] = {}
    for name, loss in LOSSES.items():
        logits = batch["logits"][half].clone().requires_grad_()
        value = loss(logits, batch["target"][half])
        value.backward()
        with torch.no_grad():
            alone = loss(logits, batch["target"][half])
        answers[name] = {"loss": value.detach(), "gradient": logits.grad, "alone": alone}
    net = join_norms(nn.Sequential(nn.BatchNorm2d(3)))
    maps = batch["maps"][half].clone().requires_grad_()
    (net(maps) * batch["weights"][half]).sum().backward()
    answers["norm"] = {
        "gradient": maps.grad,
        "parameters": [parameter.grad for parameter in net.parameters()],
        "state": net.state_dict(),
    }
    assert everyones(rank) == [0, 1]
    torch.save(answers, folder / f"answers_{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
