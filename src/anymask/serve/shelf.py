"""The pictures that are kept: in memory only, within bounds, the ones used last."""

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any, Final

from anymask.image.names import display_name
from anymask.image.picture import Picture
from anymask.predict.embedding import ImageEmbedding
from anymask.predict.kept_views import bytes_of
from anymask.serve.answers import Refusal
from anymask.serve.chains import KeptAnswers

# Of so many pictures that went it is known that they were here.
_REMEMBERED: Final = 4096
_NAME_LETTERS: Final = 255


@dataclass(slots=True, kw_only=True, eq=False)
class Entry:
    """One picture, and what was worked out for it so far.

    Attributes:
        id: By what it is asked for; nobody can guess it.
        sha256: Of the file's bytes.
        picture: The upright picture; its path is the bare name of the file.
        embedding: What the model made of it, once it is encoded; set by `keep_embedding`.
        embedding_bytes: What that takes.
        candidates: What everything mode found, or is finding.
        candidate_bytes: What that takes.
        answers: Masks that were given, to go on from.
    """

    id: str
    sha256: str
    picture: Picture
    embedding: ImageEmbedding | None = None
    embedding_bytes: int = 0
    candidates: Any = None
    candidate_bytes: int = 0
    answers: KeptAnswers = field(default_factory=KeptAnswers)

    @property
    def name(self) -> str:
        """The picture's name, safe to show."""
        return self.picture.name

    @property
    def num_bytes(self) -> int:
        """What it takes in memory."""
        picture = self.picture
        planes = (picture.pixels, picture.alpha, picture.no_data)
        total = sum(plane.nbytes for plane in planes if plane is not None)
        if self.embedding is not None:
            total += self.embedding_bytes + self.embedding.views.num_bytes
        return total + self.candidate_bytes + self.answers.num_bytes

    def keep_embedding(self, embedding: ImageEmbedding) -> ImageEmbedding:
        """Keep what the model made of the picture, under the name the picture has by now."""
        if embedding.picture is not self.picture:
            embedding = replace(embedding, picture=self.picture, picture_name=self.picture.name)
        self.embedding = embedding
        self.embedding_bytes = bytes_of(embedding)
        return embedding

    def call(self, name: str) -> None:
        """Give it the name of the file it came in this time."""
        if name == self.picture.path:
            return
        self.picture = named(self.picture, name)
        if self.embedding is not None:
            self.keep_embedding(self.embedding)
        # Masks know the name of their picture.
        self.answers.clear()


class Shelf:
    """Pictures by id; when they take too much, those not used for longest go.

    Args:
        most_bytes: What all may take together; the one used last stays whatever it takes.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._gone: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, id: str) -> Entry:  # noqa: A002 - as in the addresses
        """Give a picture, which is then the one used last.

        Args:
            id: What `put` gave it.

        Returns:
            The picture's entry.

        Raises:
            Refusal: 410 if it had to go, 404 if there never was one.
        """
        with self._lock:
            found = self._entries.get(id)
            if found is not None:
                self._entries.move_to_end(id)
                return found
            if id in self._gone:
                raise Refusal(
                    410, "gone", "the picture had to leave the memory", hint="send it once more"
                )
        raise Refusal(404, "unknown_picture", "no picture has this id", hint="send it first")

    def find(self, sha256: str) -> Entry | None:
        """Give the picture made of these bytes, if it is here; it is then the one used last."""
        with self._lock:
            for id_, entry in self._entries.items():
                if entry.sha256 == sha256:
                    self._entries.move_to_end(id_)
                    return entry
        return None

    def put(self, picture: Picture, sha256: str) -> Entry:
        """Keep a picture, once however often it comes.

        Args:
            picture: Upright, with the bare name of its file as its path.
            sha256: Of the file's bytes.

        Returns:
            Its entry; the former one if it is here already.
        """
        entry = self.find(sha256)
        if entry is None:
            entry = Entry(id=secrets.token_hex(16), sha256=sha256, picture=picture)
            with self._lock:
                self._entries[entry.id] = entry
        self.make_room()
        return entry

    def make_room(self) -> None:
        """Let those not used for longest go until the rest fits; call it when one has grown."""
        with self._lock:
            total = sum(entry.num_bytes for entry in self._entries.values())
            while total > self._most_bytes and len(self._entries) > 1:
                id_, entry = self._entries.popitem(last=False)
                total -= entry.num_bytes
                self._gone[id_] = None
            while len(self._gone) > _REMEMBERED:
                self._gone.popitem(last=False)

    def forget(self, id: str) -> bool:  # noqa: A002 - as in the addresses
        """Drop a picture; say whether it was there."""
        with self._lock:
            self._gone.pop(id, None)
            return self._entries.pop(id, None) is not None

    def forget_all(self) -> int:
        """Drop all pictures; say how many there were."""
        with self._lock:
            count = len(self._entries)
            self._entries.clear()
            self._gone.clear()
            return count


def bare_name(given: str) -> str:
    """Give the last part of a file's name as a browser or program sent it.

    Args:
        given: Any text, perhaps with folders in it.

    Returns:
        A name without folders and NUL; "picture" if nothing is left.
    """
    last = given.replace("\\", "/").replace("\0", "").rsplit("/", 1)[-1].strip()
    return "picture" if last in ("", ".", "..") else last[-_NAME_LETTERS:]


def named(picture: Picture, name: str) -> Picture:
    """Give a picture the name of the file it came in, bare, as programs on it would name it."""
    return replace(picture, name=display_name(name), path=name)
