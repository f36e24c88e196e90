"""What torchrun starts in a cluster's trial: `cluster_training.py FOLDER STEPS`.

In the n-th start of a launch rank n kills itself before its last step; after the last rank had its
turn training goes to its end. A checkpoint is written every fifth step.
"""

import os
import pathlib
import signal
import sys
from typing import Any

import resnet_probe
import torch
from torch.nn.parallel import DistributedDataParallel

from distributed_cases import images, resnet, sgd, step_of

LIVES = 7  # steps of a start in which a rank kills itself


def main(folder: pathlib.Path, steps: int) -> None:
    """Trains from the last checkpoint on."""
    signal.alarm(300)
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo")
    rank, ranks = torch.distributed.get_rank(), torch.distributed.get_world_size()
    (folder / f"process.{rank}").write_text(str(os.getpid()))
    start = int(os.environ["TORCHELASTIC_RESTART_COUNT"])
    network = resnet()
    checkpoint = folder / "checkpoint.pt"
    first = 0
    if checkpoint.exists():
        state: dict[str, Any] = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        first = state["step"]
    model = DistributedDataParallel(network)
    optimizer = sgd(model.parameters())
    with resnet_probe.attach(model, optimizer, every=1, run="cluster", step=first):
        for step in range(first, steps):
            step_of(model, optimizer, images(step, rank))
            if rank == 0 and step % 5 == 4:
                torch.save({"network": network.state_dict(), "step": step + 1}, folder / "new.pt")
                os.replace(folder / "new.pt", checkpoint)
            torch.distributed.barrier()
            if start < ranks and step == first + LIVES - 1:
                if rank == start:
                    with open(folder / "killed", "a") as killed:
                        killed.write(f"rank {rank}\n")
                    os.kill(os.getpid(), signal.SIGKILL)
                torch.distributed.barrier()  # the others are ended by torchrun here
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
