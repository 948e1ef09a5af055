"""Further embeddings of a picture, of windows and of its mirror image, kept with its embedding."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from anymask.predict.embedding import ImageEmbedding

# The second click near the first needs no new view; more than a few are rarely looked at again.
MOST_VIEWS = 8
MOST_BYTES = 64 << 20


class KeptViews:
    """Views of one picture by name, within bounds, the ones used last.

    What a view is called decides everything about it, so an answer does not depend on what
    was asked before. Threads may share it; copies and files begin empty.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[ImageEmbedding, int]] = OrderedDict()
        self._num_bytes = 0

    def __reduce__(self) -> tuple[type["KeptViews"], tuple[()]]:
        return KeptViews, ()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def num_bytes(self) -> int:
        """What they take in memory."""
        return self._num_bytes

    def find_or_make(
        self, name: Hashable, make: "Callable[[], ImageEmbedding]"
    ) -> "ImageEmbedding":
        """Give a view, made if it is not kept.

        Args:
            name: All that decides the view.
            make: Encodes it; two threads at once may both do so.
        """
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name][0]
        view = make()
        with self._lock:
            if name not in self._kept:
                num_bytes = bytes_of(view) + _picture_bytes(view)
                self._kept[name] = view, num_bytes
                self._num_bytes += num_bytes
            while len(self._kept) > 1 and (
                len(self._kept) > MOST_VIEWS or self._num_bytes > MOST_BYTES
            ):
                _, (_, num_bytes) = self._kept.popitem(last=False)
                self._num_bytes -= num_bytes
        return view


def bytes_of(embedding: "ImageEmbedding") -> int:
    """Give what an embedding's tensors take; tables that all pictures share are left out.

    Args:
        embedding: Any embedding; its views are counted by themselves.
    """
    held: list[Any] = [embedding.features.embedding, *embedding.features.high_res]
    if embedding.prepared is not None:
        held += embedding.prepared._replace(places=(), made_from=())
    storages = {x.untyped_storage().data_ptr(): x.untyped_storage() for x in _tensors(held)}
    return sum(storage.nbytes() for storage in storages.values())


def _picture_bytes(view: "ImageEmbedding") -> int:
    return 0 if view.picture is None else view.picture.pixels.nbytes


def _tensors(tree: Any) -> Iterator[Tensor]:  # noqa: ANN401 - nested tuples
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, list | tuple):
        for part in tree:
            yield from _tensors(part)
