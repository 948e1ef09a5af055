"""What a pickle would call if it were opened, found without opening it.

A pickle is a program: it can ask for any function of any module and call it. The files that hold
checkpoints ask for a handful of functions that put tensors together, and for nothing else.
"""

import pickletools
import re
from collections.abc import Iterator
from typing import IO

# What a file of plain tensors asks for.
_PLAIN = frozenset(
    {
        "_codecs.encode",
        "collections.OrderedDict",
        "torch.Size",
        "torch._utils._rebuild_parameter",
        "torch._utils._rebuild_tensor",
        "torch._utils._rebuild_tensor_v2",
        "torch.device",
        "torch.storage.UntypedStorage",
    }
)
_PLAIN_TYPES = re.compile(r"torch(\.cuda)?\.(\w+Storage|b?float\d+\w*|u?int\d+|half|double|bool)")


def find_code(file: IO[bytes], num_pickles: int) -> str | None:
    """Name the first thing a file asks for that is not needed to put tensors together.

    Nothing is imported or run.

    Args:
        file: Pickles, one after the other, from the current position on.
        num_pickles: How many; fewer may be there.

    Returns:
        The name with its module ("posix.system"), or None.

    Raises:
        ValueError: If the first pickle is not one, and asked for nothing before that showed.
    """
    for index in range(num_pickles):
        try:
            for name in _asked_for(file):
                if name not in _PLAIN and not _PLAIN_TYPES.fullmatch(name):
                    return name
        except (ValueError, IndexError, OverflowError, MemoryError) as error:
            if index == 0:
                raise ValueError(str(error)) from error
            return None
    return None


def _asked_for(file: IO[bytes]) -> Iterator[str]:
    """Follow one pickle's instructions as far as needed to know the names it looks up."""
    memo: dict[int, str | None] = {}
    last: str | None = None  # what lies on top of the stack, where it is text
    texts = ["?", "?"]  # the two texts seen last: module and name of a STACK_GLOBAL
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name in ("GLOBAL", "INST"):
            yield str(argument).replace(" ", ".", 1)
        elif opcode.name == "STACK_GLOBAL":
            yield ".".join(texts)
        elif opcode.name.startswith("EXT"):
            yield f"copyreg extension {argument}"
        if opcode.name == "MEMOIZE":
            memo[len(memo)] = last
        elif "PUT" in opcode.name:
            memo[int(argument)] = last  # type: ignore[arg-type]
        else:
            is_recalled = opcode.name in ("GET", "BINGET", "LONG_BINGET")
            last = memo.get(int(argument)) if is_recalled else _text(opcode.name, argument)  # type: ignore[arg-type]
            if last is not None:
                texts = [texts[1], last]


def _text(opcode: str, argument: object) -> str | None:
    is_text = isinstance(argument, str) and opcode not in ("GLOBAL", "INST")
    return str(argument) if is_text else None
