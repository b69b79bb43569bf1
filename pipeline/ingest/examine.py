"""Look at one file of the landing zone: read, decode, judge, and keep its canonical form."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import IO

from pipeline.ingest.apart import Died, run_apart
from pipeline.ingest.archives import Member, members
from pipeline.ingest.canonical import (
    Thumbnail,
    brightness,
    encode_png,
    image_id,
    shrink,
    thumbnail,
)
from pipeline.ingest.config import IngestConfig
from pipeline.ingest.formats import SNIFF_BYTES, Decoded, decode, sniff
from pipeline.ingest.formats.sniff import ARCHIVES
from pipeline.ingest.landing import Found, label_of, open_stable, read_whole
from pipeline.ingest.manifest import Row
from pipeline.ingest.names import Pseudonyms
from pipeline.ingest.patients import patient_in_name
from pipeline.ingest.quality import check_quality
from pipeline.ingest.refusal import Refused
from pipeline.ingest.views import guess_view

Progress = Callable[[int, int], None]
_ONE_IMAGE = ("PNG", "JPEG", "BMP")
_TELL_CLASSES = (*ARCHIVES, "NPZ")
"""What may lie outside a class folder, as its members or labels tell the class."""


@dataclass(frozen=True)
class Image:
    """A good image, by what was decoded.

    Attributes:
        id: of the pixels.
        sha256: of the canonical PNG.
        thumbnail: for comparing images with each other.
        width, height: pixels.
        bits: of a grey level, 8 or 16.
        brightness: median of what is not black, 0 to 1.
        bits_a_pixel: of the canonical PNG: how little it can be told in.
        view, modality, spacing, window: as in `Row`.
    """

    id: str
    sha256: str
    thumbnail: Thumbnail
    width: int
    height: int
    bits: int
    brightness: float
    bits_a_pixel: float
    view: str = "unknown"
    modality: str = ""
    spacing: str = ""
    window: str = ""


@dataclass(frozen=True)
class Look:
    """What was seen: a good image, or why something is refused.

    Attributes:
        found: the file as listed.
        item: number, from 1, of the image within a file of several; 0 of a file that is one
            image, or that is refused as a whole.
        source_sha256: of the bytes of the file, or of the archive's member; "" when they could
            not be read.
        label: class, or "".
        group: pseudonym of the patient, or of the scan when no patient is told; or "".
        result: the image, the row of the image that these very bytes became before, or why it is
            not taken in.
    """

    found: Found
    item: int
    source_sha256: str
    label: str
    group: str
    result: Image | Row | Refused


@dataclass(frozen=True)
class Examiner:
    """What every file is looked at with; it travels to other processes.

    Attributes:
        landing: folder that the files lie in.
        config: thresholds.
        names: how patients are called.
        store: folder for canonical PNGs.
        sources: sha256 of files that are one known image -> that image's id.
        released: ids of images that a person looked at and let in.
    """

    landing: Path
    config: IngestConfig
    names: Pseudonyms
    store: Path
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)
    released: frozenset[str] = frozenset()

    def __call__(self, found: Found) -> list[tuple[Look, str]]:
        """Every look at a file, each with the id of the image that it is known to be, or ""."""
        try:
            if found.refused:
                raise found.refused
            with open_stable(self.landing, found) as stream:
                kind = sniff(stream.read(SNIFF_BYTES))
                stream.seek(0)
                if kind in ARCHIVES:
                    looks = list(self._archive(found, stream, kind))
                else:
                    looks = self._file(
                        found, kind, read_whole(stream, found, self.config.max_bytes)
                    )
        except Refused as refused:
            return [(Look(found, 0, "", found.label, "", refused), "")]
        except MemoryError:
            detail = "it unfolds to more than the memory of a reader"
            return [(Look(found, 0, "", found.label, "", Refused("too-large", detail)), "")]
        return looks

    def _file(self, found: Found, kind: str, data: bytes) -> list[tuple[Look, str]]:
        digest = hashlib.sha256(data).hexdigest()
        try:
            if not found.label and kind not in _TELL_CLASSES:
                raise no_class()
            if kind in _ONE_IMAGE and (known := self.sources.get(digest)):
                group = self._group(found, found.path, None)
                look = Look(found, 0, digest, found.label, group, Refused("known", ""))
                return [(look, known)]
            looks = list(self._images(found, found.path, found.label, digest, data))
        except Refused as refused:
            return [(Look(found, 0, digest, found.label, "", refused), "")]
        if not looks:
            return [(Look(found, 0, digest, found.label, "", _no_image()), "")]
        if len(looks) == 1:
            return [(looks[0], "")]
        return [(replace(look, item=item), "") for item, look in enumerate(looks, 1)]

    def _archive(self, found: Found, stream: IO[bytes], kind: str) -> Iterator[tuple[Look, str]]:
        item = 0
        for member in members(stream, kind, self.config):
            for look in self._member(found, member):
                item += 1
                yield replace(look, item=item), ""
        if not item:
            raise Refused("empty", "the archive holds no file")

    def _member(self, found: Found, member: Member) -> Iterator[Look]:
        label, digest = found.label, ""
        try:
            if isinstance(member.content, Refused):
                raise member.content
            digest = hashlib.sha256(member.content).hexdigest()
            kind = sniff(member.content[:SNIFF_BYTES])
            label = _member_label(label, member.path, kind)
            name = member.path or PurePosixPath(found.path).stem
            yield from list(self._images(found, name, label, digest, member.content))
        except Refused as refused:
            yield Look(found, 0, digest, label, "", refused)

    def _images(
        self, found: Found, name: str, label: str, digest: str, data: bytes
    ) -> Iterator[Look]:
        """Every image of one file's bytes; raises Refused when the file is damaged."""
        for decoded in decode(data, self.config):
            if isinstance(decoded, Refused):
                yield Look(found, 0, digest, label, "", decoded)
                continue
            group, own = self._group(found, name, decoded), label or decoded.label
            result: Image | Refused
            try:
                if not own:
                    raise no_class()
                result = self._take(decoded, found)
            except Refused as refused:
                result = refused
            yield Look(found, 0, digest, own, group, result)

    def _take(self, decoded: Decoded, found: Found) -> Image:
        if decoded.synthetic or found.sidecar:
            detail = "the image is marked as synthetic; a generator must not learn from those"
            raise Refused("synthetic", detail)
        pixels = decoded.pixels
        id_, small = image_id(pixels), shrink(pixels)
        if id_ not in self.released:
            try:
                check_quality(pixels, small, self.config)
            except Refused as refused:
                raise Refused(refused.reason, refused.detail, id_) from None
        stored = encode_png(pixels)
        (self.store / f"{id_}.png").write_bytes(stored)
        height, width = pixels.shape
        view = found.view or decoded.view
        if view == "unknown" and self.config.guess_views:
            view = guess_view(pixels)
        spacing = "x".join(f"{mm:.6g}" for mm in decoded.spacing) if decoded.spacing else ""
        return Image(
            id=id_,
            sha256=hashlib.sha256(stored).hexdigest(),
            thumbnail=thumbnail(small),
            width=width,
            height=height,
            bits=8 * pixels.itemsize,
            brightness=brightness(small, int(pixels.max())),
            bits_a_pixel=8 * len(stored) / pixels.size,
            view=view,
            modality=decoded.modality,
            spacing=spacing,
            window=decoded.window,
        )

    def _group(self, found: Found, name: str, decoded: Decoded | None) -> str:
        """Who it is: as a list says, else the file's name, else the file itself, else its scan."""
        told = found.patient or patient_in_name(name, self.config)
        if group := self.names.patient(told):
            return group
        if decoded is None:
            return ""
        return self.names.patient(decoded.patient, decoded.issuer) or self.names.series(
            decoded.series
        )


def examine_all(
    examiner: Examiner,
    files: Sequence[Found],
    known: Mapping[str, Row],
    *,
    workers: int = 0,
    on_progress: Progress | None = None,
) -> list[Look]:
    """Look at files in order; canonical PNGs of the good images are written to the store.

    A file whose bytes are the source of a known image is that image and is not decoded again: a
    lost index costs reading only, and a JPEG decoder that rounds differently makes no new image.

    Args:
        examiner: what to look with.
        files: as listed.
        known: manifest rows by image id.
        workers: processes to look in, so that a file that brings a decoder down is one refused
            file and not the end of ingest; 0: this process.
        on_progress: called as (files done, files) in the caller's thread.
    """
    looks: list[Look] = []
    results: Iterable[list[tuple[Look, str]] | Died] = (
        run_apart(examiner, files, workers, _patience) if workers else map(examiner, files)
    )
    for done, (found, result) in enumerate(zip(files, results, strict=True), 1):
        if isinstance(result, Died):
            refused = Refused("reader-died", f"the reader {result.how} over this file")
            looks.append(Look(found, 0, "", found.label, "", refused))
        else:
            looks += [replace(look, result=known[id_]) if id_ else look for look, id_ in result]
        if on_progress:
            on_progress(done, len(files))
    return looks


def _member_label(label: str, path: str, kind: str) -> str:
    """The class of an archive's member; "" when its own labels tell it."""
    if kind in ARCHIVES:
        raise Refused("nested-archive", "an archive in an archive; unpack one of the two")
    if not label and "/" in path:
        label = label_of(path)
    if not label and kind not in _TELL_CLASSES:
        raise no_class()
    return label


def _no_image() -> Refused:
    return Refused("empty", "the file holds no image")


def no_class() -> Refused:
    """Why a file that tells no class is refused."""
    return Refused("no-class", "the file lies in no class folder; put it into <class>/")


def _patience(found: Found) -> float:
    """Seconds that a file may take: generous, as other work may run beside."""
    return 60.0 + found.size / 2e5
