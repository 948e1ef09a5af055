"""One run in several processes: the same work, gradients averaged after every step.

Processes are started here, or by torchrun. When one dies all end, with its sentence.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import cv2
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import (
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    start_processes,
)

from anymask.errors import AnymaskError, TrainingError

# One process may prepare a large data set meanwhile; a death is noticed at once all the same.
WAIT_FOR_OTHERS = timedelta(hours=12)
SECONDS_TO_END = 45.0
SECONDS_TO_BREAK_OFF = 10.0  # for the others to notice that one is gone, and to save


class PeerLost(TrainingError):
    """Another process of the run has gone, so this one cannot go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The processes of a run, as one of them sees it.

    Attributes:
        rank: Number of this process.
        processes: Number of processes.
        device: Where this process computes.
        parent: Process that started this one and must stay alive, or None.
    """

    rank: int = 0
    processes: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    parent: int | None = None

    @property
    def is_first(self) -> bool:
        """Whether this process writes and speaks."""
        return self.rank == 0


def started_by_torchrun() -> bool:
    """Say whether torchrun started this process as one of several."""
    return "TORCHELASTIC_RUN_ID" in os.environ and "WORLD_SIZE" in os.environ


def restarted_by_torchrun() -> bool:
    """Say whether torchrun started this process again after one had died."""
    return started_by_torchrun() and os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0"


def join_torchrun(device: torch.device) -> World:
    """Meet the other processes that torchrun started.

    Args:
        device: Kind of device; with several GPUs each process takes its own.
    """
    device = _own_device(device, int(os.environ["LOCAL_RANK"]))
    dist.init_process_group(_backend(device), timeout=WAIT_FOR_OTHERS)
    return World(rank=dist.get_rank(), processes=dist.get_world_size(), device=device)


def run_in_processes(
    work: Callable[[World], None],
    processes: int,
    device: torch.device = torch.device("cpu"),  # noqa: B008 - a value, as frozen as a number
    *,
    max_restarts: int = 0,
) -> None:
    """Call `work(world)` in each of several processes and wait for all of them.

    Args:
        work: A picklable function; with one process it is called right here.
        processes: How many.
        device: Kind of device; with several GPUs each process takes its own.
        max_restarts: How often all are started again after one died.

    Raises:
        AnymaskError: What the first process to fail said, or how it was ended.
    """
    if processes == 1:
        work(World(device=device))
        return
    while True:
        try:
            _run_once(work, processes, device)
        except TrainingError as error:
            if max_restarts == 0 or not isinstance(error.__cause__, ProcessExitedException):
                raise
            max_restarts -= 1
        else:
            return


def _run_once(work: Callable[[World], None], processes: int, device: torch.device) -> None:
    with tempfile.TemporaryDirectory() as folder:
        arguments = (processes, Path(folder), work, device, os.getpid())
        context = start_processes(_join_and_work, arguments, processes, join=False)
        try:
            while not context.join(grace_period=SECONDS_TO_BREAK_OFF):
                pass
        except ProcessRaisedException as error:
            raise _first_failure(Path(folder), error) from error
        except ProcessExitedException as error:
            # A process that failed on purpose has told why before the others broke off.
            if any(Path(folder).glob("failed-*.json")):
                raise _first_failure(Path(folder), error) from error
            raise TrainingError(
                f"process {error.error_index} of {processes} ended with "
                f"{error.signal_name or f'code {error.exit_code}'}",
                hint="go on with --resume; if the memory was full, lower batch",
            ) from error
        finally:
            _end_all(context)


def _end_all(context: ProcessContext) -> None:
    """Ask the processes that still run to save and end, and wait for them."""
    for process in context.processes:
        if process.is_alive():
            process.terminate()
    deadline = time.monotonic() + SECONDS_TO_END
    for process in context.processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()


def _first_failure(folder: Path, error: Exception) -> AnymaskError:
    told = [json.loads(path.read_text()) for path in folder.glob("failed-*.json")]
    if not told:
        return TrainingError(f"a process failed: {_last_line(error)}", hint="see --debug")
    first = min(told, key=lambda record: record["time"])
    failure = TrainingError(first["message"], hint=first["hint"])
    failure.exit_code = first["exit_code"]
    return failure


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _join_and_work(
    rank: int,
    processes: int,
    folder: Path,
    work: Callable[[World], None],
    device: torch.device,
    parent: int,
) -> None:
    if device.type == "cpu":
        torch.set_num_threads(1)  # two threads on a busy core wait for each other
        cv2.setNumThreads(1)
    device = _own_device(device, rank)
    meeting = (folder / "meeting").as_uri()
    dist.init_process_group(
        _backend(device), meeting, timeout=WAIT_FOR_OTHERS, rank=rank, world_size=processes
    )
    try:
        work(World(rank=rank, processes=processes, device=device, parent=parent))
    except PeerLost:
        raise SystemExit(1) from None  # the one that has gone has the story
    except AnymaskError as error:
        record = {
            "time": time.time(),
            "message": error.message,
            "hint": error.hint,
            "exit_code": error.exit_code,
        }
        (folder / f"failed-{rank}.json").write_text(json.dumps(record))
        raise SystemExit(error.exit_code) from error
    except KeyboardInterrupt:
        raise SystemExit(0) from None  # the parent got the same Ctrl-C and says so
    finally:
        with suppress(RuntimeError):
            dist.destroy_process_group()


def _own_device(device: torch.device, local_rank: int) -> torch.device:
    if device.type != "cuda":
        return device
    own = torch.device("cuda", local_rank % torch.cuda.device_count())
    torch.cuda.set_device(own)
    return own


def _backend(device: torch.device) -> str:
    return "nccl" if device.type == "cuda" else "gloo"


@contextmanager
def tiny_numbers_are_zero() -> Iterator[None]:
    """Let this thread, and those it starts, take numbers below 1.2e-38 for zero.

    The gradients of a mask that is nearly right are full of them, and a processor's fast path does
    not take them: matrix products of a backward pass become several times slower. On a processor
    without such a mode nothing changes.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def wait_for_all() -> None:
    """Wait until every process of the run has come here."""
    if is_shared_run():
        dist.barrier()


def average_over_processes(tensors: Iterable[Tensor]) -> None:
    """Replace float tensors of any shape by their mean over all processes, in place.

    All of them travel in one message.

    Raises:
        PeerLost: If a process has gone.
    """
    tensors = list(tensors)
    if not is_shared_run() or not tensors:
        return
    flat = torch.cat([tensor.flatten().float() for tensor in tensors])
    try:
        dist.all_reduce(flat)
    except RuntimeError as error:
        raise PeerLost("another process of the run has gone", hint="go on with --resume") from error
    flat /= dist.get_world_size()
    for tensor, mean in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))


def average_gradients(model: nn.Module, *figures: float) -> tuple[float, ...]:
    """Average gradients and running statistics over all processes, in place.

    A parameter that has a gradient in some of them counts as zero in the others; one that has none
    anywhere keeps none, as it would in a single process.

    Args:
        model: The model after its backward pass.
        figures: Numbers that all processes must agree on: clocks, requests to stop, losses.

    Returns:
        Their means.

    Raises:
        PeerLost: If a process has gone.
    """
    if not is_shared_run():
        return figures
    learning = [p for p in model.parameters() if p.requires_grad]
    is_used = learning[0].new_tensor([p.grad is not None for p in learning])
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in learning]
    statistics = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
    agreed = learning[0].new_tensor(figures, dtype=torch.float32)
    average_over_processes([*gradients, *statistics, is_used, agreed])
    for parameter, gradient, share in zip(learning, gradients, is_used.tolist(), strict=True):
        parameter.grad = gradient if share > 0 else None
    return tuple(agreed.tolist())


def is_shared_run() -> bool:
    """Say whether this process is one of several in a run."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
