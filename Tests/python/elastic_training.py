"""A training that torchrun restarts: `elastic_training.py FOLDER STEPS DIES_AT WHO [id]`.

WHO is the rank that kills itself in the first start. There are two networks. With "id" the first
one's identity is kept in the checkpoint, as a script would that goes on with its run by itself.
"""

import os
import pathlib
import signal
import sys
from typing import Any

import torch
from resnet_probe import attach
from torch.nn.parallel import DistributedDataParallel

from distributed_cases import images, resnet, sgd, step_of


def main(folder: pathlib.Path, steps: int, dies_at: int, who: int, keeps_id: bool) -> None:
    """Trains, with a checkpoint every fifth step."""
    signal.alarm(60)
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo")
    rank = torch.distributed.get_rank()
    network = resnet()
    first, identity = 0, None
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists():
        state: dict[str, Any] = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        first, identity = state["step"], state["id"]
    model = DistributedDataParallel(network)
    optimizer = sgd(model.parameters())
    probe = attach(
        model, optimizer, every=1, run="elastic", step=first, id=identity if keeps_id else None
    )
    other = DistributedDataParallel(resnet())
    others_optimizer = sgd(other.parameters())
    attach(other, others_optimizer, every=1, run="other", step=first)
    for step in range(first, steps):
        step_of(model, optimizer, images(step, rank))
        step_of(other, others_optimizer, images(step, rank))
        if rank == 0 and step % 5 == 4:
            state = {"network": network.state_dict(), "step": step + 1, "id": probe.run}
            torch.save(state, folder / "new.pt")
            os.replace(folder / "new.pt", checkpoint)
        torch.distributed.barrier()
        is_first_start = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
        if rank == who and step == dies_at and is_first_start:
            os.kill(os.getpid(), signal.SIGKILL)
    probe.finish()
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:5]), keeps_id="id" in sys.argv)
