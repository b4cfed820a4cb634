"""Run by `test_processes.py` in processes of their own: a share of a batch through every loss, a norm and a training.

Usage: python two_processes.py RANK COUNT FOLDER
"""

import sys
from pathlib import Path

import torch
from torch import Tensor, nn
from torch import distributed as dist

from crackwise.losses import LOSSES
from crackwise.processes import everyones, process_count
from crackwise.training.norms import join_norms

Tensors = dict[str, Tensor]


def main(rank: int, count: int, folder: Path) -> None:
    torch.set_num_threads(1)
    if count > 1:
        dist.init_process_group("gloo", init_method=f"file://{folder / 'store'}", rank=rank, world_size=count)
    batch = torch.load(folder / "batch.pt", weights_only=True)
    share = {name: values[rank::count] for name, values in batch.items()}
    answers = {name: judged(name, share) for name in LOSSES} | {"norm": normalised(share), "net": trained(share)}
    assert everyones(rank) == list(range(count))
    torch.save(answers, folder / f"answers_{rank}_of_{count}.pt")
    if count > 1:
        dist.destroy_process_group()


def judged(name: str, share: Tensors) -> Tensors:
    """A loss, its gradient, and the loss without one."""
    logits = share["logits"].clone().requires_grad_()
    loss = LOSSES[name](logits, share["target"])
    loss.backward()
    with torch.no_grad():
        alone = LOSSES[name](logits, share["target"])
    assert logits.grad is not None
    return {"loss": loss.detach(), "gradient": logits.grad, "alone": alone}


def normalised(share: Tensors) -> dict[str, object]:
    """Gradients and statistics of a batch normalisation."""
    net = join_norms(nn.Sequential(nn.BatchNorm2d(3)))
    maps = share["maps"].clone().requires_grad_()
    (net(maps) * share["weights"]).sum().backward()
    gradients = [parameter.grad for parameter in net.parameters()]
    return {"gradient": maps.grad, "parameters": gradients, "state": dict(net.state_dict())}


def trained(share: Tensors) -> Tensors:
    """A network after five steps under all losses, in double precision: no rounding to hide behind."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 1, 3, padding=1)]
    net = join_norms(nn.Sequential(*layers)).double()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for _ in range(5):
        optimizer.zero_grad()
        logits = net(share["logits"].double())
        sum(loss(logits, share["target"]) for loss in LOSSES.values()).backward()
        for parameter in net.parameters():  # what Lightning's strategy does
            parameter.grad = torch.stack(everyones(parameter.grad)).sum(0) / process_count()
        optimizer.step()
    return dict(net.state_dict())


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
