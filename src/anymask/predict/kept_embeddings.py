"""Pictures → embeddings, by way of the cache: what was kept is not encoded again."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from anymask.image.picture import Picture
from anymask.model.image_encoder import ImageFeatures
from anymask.predict.embedding import ImageEmbedding
from anymask.predict.embedding_cache import (
    EmbeddingCache,
    Found,
    KeptForm,
    find,
    is_in_use,
    open_cache,
    store,
)
from anymask.predict.embedding_key import key_of, maker_of, need_maker
from anymask.predict.encode import embed_batch, encode_batch, prepare, to_embedding
from anymask.weights.loaded import LoadedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of one picture that was to be kept.

    Attributes:
        key: Under which name its embedding lies in the cache.
        features: What the image encoder made of it, float32.
        form: Number format in which it is kept.
        was_there: Whether it was kept before.
        num_bytes: Size of its file.
        num_removed: Others that had to go for it.
        notes: What a person should know.
    """

    key: str
    features: ImageFeatures
    form: KeptForm
    was_there: bool
    num_bytes: int
    num_removed: int = 0
    notes: tuple[str, ...] = ()


def embed_or_find(
    loaded: LoadedModel,
    pictures: Iterable[Picture],
    batch_size: int = 4,
    *,
    use_cache: bool = True,
    keep: bool = False,
) -> Iterator[ImageEmbedding]:
    """Give the embeddings of pictures in order: those that are kept from the cache.

    Args:
        loaded: The model.
        pictures: Upright pictures; read as they are needed.
        batch_size: Pictures encoded at once, where they are not to be kept.
        use_cache: Whether the cache is looked into. It costs nothing as long as nothing was kept.
        keep: Whether those that are not there yet are put there, each encoded alone, in float32.

    Raises:
        StateError: If they are to be kept, and the model is from no file.
        ConfigError: If the cache's limit is no number, or below one embedding.
        OutputError: If an embedding cannot be kept.
    """
    waiting = iter(pictures)
    if keep:
        cache, maker = open_cache(), need_maker(loaded)
        for picture in waiting:
            kept = keep_picture(loaded, picture, cache, maker, use_cache=use_cache)
            form = kept.form if kept.was_there else None
            yield to_embedding(loaded, picture, kept.features, kept_as=form, notes=kept.notes)
        return
    used = _cache_in_use() if use_cache else None
    maker_or_none = None if used is None else maker_of(loaded)
    while group := tuple(islice(waiting, batch_size)):
        if used is None or maker_or_none is None:
            yield from embed_batch(loaded, group)
        else:
            yield from _found_or_fresh(loaded, group, used, maker_or_none)


def keep_picture(
    loaded: LoadedModel,
    picture: Picture,
    cache: EmbeddingCache,
    maker: str,
    form: KeptForm = "float32",
    *,
    use_cache: bool = True,
) -> Kept:
    """Make sure that a picture's embedding is kept.

    It is encoded alone, so that it is what encoding it alone again would give.

    Args:
        loaded: The model.
        picture: The upright picture.
        cache: Where to keep it.
        maker: What `maker_of` gave for the model.
        form: Number format to keep it in; one that is kept in float32 will do for both.
        use_cache: Whether one that is there already will do.

    Returns:
        What was done.

    Raises:
        ConfigError: If the cache allows fewer bytes than one embedding has.
        OutputError: If it cannot be written.
    """
    key = key_of(maker, picture)
    enough: tuple[KeptForm, ...] = ("float32",) if form == "float32" else ("float32", "float16")
    found = find(cache, key, enough) if use_cache else Found()
    if found.features is not None and found.form is not None:
        return Kept(
            key=key,
            features=found.features,
            form=found.form,
            was_there=True,
            num_bytes=found.num_bytes,
            notes=found.notes,
        )
    (features,) = encode_batch(loaded, (picture,))
    stored = store(cache, key, features, form)
    return Kept(
        key=key,
        features=features,
        form=stored.form,
        was_there=False,
        num_bytes=stored.num_bytes,
        num_removed=stored.num_removed,
        notes=(*found.notes, *stored.notes),
    )


def as_if_kept(loaded: LoadedModel, embedding: ImageEmbedding, form: KeptForm) -> ImageEmbedding:
    """Give a fresh embedding as the cache would give it back, without the cache.

    Args:
        loaded: The model that made it.
        embedding: A fresh embedding.
        form: Number format in which it would be kept; float32 changes nothing.

    Returns:
        The embedding, prepared; it answers as the kept one does, byte for byte.
    """
    features = embedding.features
    if form == "float16":
        rounded = [x.half().float() for x in (features.embedding, *features.high_res)]
        features = ImageFeatures(rounded[0], tuple(rounded[1:]))
    return prepare(loaded, replace(embedding, features=features, prepared=None, kept_as=form))


def _cache_in_use() -> EmbeddingCache | None:
    cache = open_cache()
    return cache if is_in_use(cache) else None


def _found_or_fresh(
    loaded: LoadedModel, pictures: tuple[Picture, ...], cache: EmbeddingCache, maker: str
) -> Iterator[ImageEmbedding]:
    """Take from the cache what is there, and encode the rest together."""
    found = [find(cache, key_of(maker, picture)) for picture in pictures]
    pairs = list(zip(pictures, found, strict=True))
    missing = tuple(picture for picture, one in pairs if one.features is None)
    fresh = iter(encode_batch(loaded, missing) if missing else ())
    for picture, one in pairs:
        features = next(fresh) if one.features is None else one.features
        yield to_embedding(loaded, picture, features, kept_as=one.form, notes=one.notes)
