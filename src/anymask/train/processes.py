"""One run in several processes, their gradients averaged after every step."""

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import torch
import torch.distributed
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn


def run_in_processes(work: Callable[[int], None], processes: int) -> None:
    """Call `work(rank)` in each of several processes and wait for all of them.

    Args:
        work: A picklable function; with one process it is called right here.
        processes: How many.
    """
    if processes == 1:
        work(0)
        return
    with tempfile.TemporaryDirectory() as folder:
        meeting = (Path(folder) / "meeting").as_uri()
        spawn(_join_and_work, args=(processes, meeting, work), nprocs=processes)


def _join_and_work(rank: int, processes: int, meeting: str, work: Callable[[int], None]) -> None:
    torch.set_num_threads(1)  # two threads on a busy core wait for each other
    cv2.setNumThreads(1)
    torch.distributed.init_process_group("gloo", meeting, rank=rank, world_size=processes)
    try:
        work(rank)
    finally:
        torch.distributed.destroy_process_group()


def average_over_processes(tensors: Iterable[Tensor]) -> None:
    """Replace float tensors of any shape by their mean over all processes, in place.

    All of them travel in one message.
    """
    tensors = list(tensors)
    if not is_shared_run() or not tensors:
        return
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    torch.distributed.all_reduce(flat)
    flat /= torch.distributed.get_world_size()
    for tensor, mean in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))


def average_gradients(model: nn.Module, seconds: float) -> float:
    """Average gradients and running statistics over all processes, in place.

    Args:
        model: The model after its backward pass.
        seconds: This process's clock.

    Returns:
        The mean clock, so that all processes agree on the run's progress.
    """
    clock = torch.tensor([seconds], dtype=torch.float32)
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    statistics = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
    average_over_processes([*gradients, *statistics, clock])
    return float(clock)


def is_shared_run() -> bool:
    """Say whether this process is one of several in a run."""
    return torch.distributed.is_available() and torch.distributed.is_initialized()
