"""What torchrun trains in the tests: `cluster_training.py FOLDER ROWS`, until FOLDER/enough is there.

Each process notes its pid, the step that it began with and each step that it ended in a file of
FOLDER/notes that is named after launch, restart and rank. Rank 0 keeps a checkpoint of every tenth
step. As checkpoints of large networks are, it is copied at once and written some steps later: what
was recorded up to it is in the journals by then, which lack at most the last half second of a killed
process.
"""

import copy
import os
import pathlib
import signal
import sys
import time

import torch
from resnet_probe import attach
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

PACE = 0.01  # seconds that each step waits, so that the tests need not be fast
EVERY, LATER = 10, 3  # steps from one checkpoint to the next, and until it is written


class Block(nn.Module):
    """x + F(x)."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.linear(torch.relu(x))


def main(folder: pathlib.Path, rows: int) -> None:
    """Trains from the checkpoint on, where there is one, with so many rows on each rank."""
    signal.alarm(300)
    torch.set_num_threads(1)
    torch.manual_seed(5)
    torch.distributed.init_process_group("gloo")
    rank = torch.distributed.get_rank()
    network = nn.Sequential(nn.Linear(12, 16), Block(), Block(), Block(), nn.Linear(16, 4))
    checkpoint = folder / "checkpoint.pt"
    step = 0
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(kept["network"])
        step = kept["step"]
    model = DistributedDataParallel(network)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    start = [os.environ[name] for name in ("LAUNCH", "TORCHELASTIC_RESTART_COUNT", "RANK")]
    with (
        attach(model, optimizer, every=1, run="cluster", step=step) as probe,
        open(folder / "notes" / ".".join(start), "w", buffering=1) as note,
    ):
        note.write(f"{os.getpid()} {step}\n")
        while not is_enough(folder):
            if rank == 0 and step % EVERY == 0:
                kept = {"network": copy.deepcopy(network.state_dict()), "step": step}
            batch = torch.randn(rows, 12)
            optimizer.zero_grad()
            loss = model(batch).square().mean()
            loss.backward()
            optimizer.step()
            probe.log(loss=loss)
            note.write(f"{step}\n")
            if rank == 0 and step % EVERY == LATER and step > LATER:
                torch.save(kept, folder / "checkpoint.new")
                os.replace(folder / "checkpoint.new", checkpoint)
            step += 1
            time.sleep(PACE)
    torch.distributed.destroy_process_group()


def is_enough(folder: pathlib.Path) -> bool:
    """Whether all processes shall end, as rank 0 sees it."""
    enough = torch.tensor([(folder / "enough").exists()], dtype=torch.uint8)
    torch.distributed.broadcast(enough, 0)
    return bool(enough.item())


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
