"""Examine one file of the landing zone: read, decode, check, and store its canonical form."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import IO

from pipeline.data.config import IngestConfig
from pipeline.data.formats import SNIFF_BYTES, Decoded, decode, sniff
from pipeline.data.formats.archives import ArchiveMember, member_paths, members
from pipeline.data.formats.canonical import brightness, encode_png, image_id, shrink, thumbnail
from pipeline.data.formats.sniff import ARCHIVES
from pipeline.data.landing.patient_pattern import patient_in_name
from pipeline.data.landing.zone import LandedFile, open_stable, read_whole
from pipeline.data.layout import AmbiguousClassesError, Layout, advice_on, find_layout
from pipeline.data.marks.annotated import NOTHING_BESIDE, Annotated
from pipeline.data.marks.read import BesideReader
from pipeline.data.names import Pseudonyms, group_of_study
from pipeline.data.placeholders import identifies_nobody, is_one_of, is_vague
from pipeline.data.reading.quality import check_burnt_in, check_quality
from pipeline.data.reading.results import Identity, Image, Known, Look, Share, ShareResult
from pipeline.data.reading.views import guess_view
from pipeline.data.refusal import Refused
from pipeline.synthetic.credentials import read_credentials

_ONE_IMAGE = ("PNG", "JPEG", "BMP")
_HOLD_CLASSES = (*ARCHIVES, "NPZ")
"""Formats allowed outside class folders, as their members or labels may give the class."""


@dataclass(frozen=True)
class Examiner:
    """Examines files; it is pickled and sent to other processes.

    Attributes:
        landing: folder of the files.
        config: thresholds.
        names: pseudonyms of patients.
        store: folder for canonical PNGs.
        sources: sha256 of files that are one known image -> that image's id.
        released: ids of images that a person released.
        classes: of the project, to tell the class folders of archives.
        watermark: key of the watermark of the project's generated images; b"": there is none.
    """

    landing: Path
    config: IngestConfig
    names: Pseudonyms
    store: Path
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)
    released: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    watermark: bytes = field(default=b"", repr=False)

    def __call__(self, share: Share) -> ShareResult:
        """Examine a file, or a share of an archive."""
        found = share.found
        try:
            if found.refused:
                raise found.refused
            with open_stable(self.landing, found) as stream:
                kind = sniff(stream.read(SNIFF_BYTES))
                stream.seek(0)
                if kind in ARCHIVES:
                    return self._archive(share, stream, kind)
                if share.first:
                    return ShareResult()
                data = read_whole(stream, found, self.config.max_bytes)
                return ShareResult({0: self._file(found, kind, data)})
        except Refused as refused:
            return ShareResult(refused=refused)
        except MemoryError:
            detail = "it needs more memory than a reader process has"
            return ShareResult(refused=Refused("too-large", detail))

    def _file(self, found: LandedFile, kind: str, data: bytes) -> list[Look]:
        digest = hashlib.sha256(data).hexdigest()
        try:
            if not found.label and kind not in _HOLD_CLASSES:
                raise no_class()
            looks = list(self._images(found, found.path, found.label, digest, kind, data))
        except Refused as refused:
            return [Look(found, 0, digest, found.label, "", refused)]
        return looks or [Look(found, 0, digest, found.label, "", _no_image())]

    def _archive(self, share: Share, stream: IO[bytes], kind: str) -> ShareResult:
        result = ShareResult(archive=True)
        layout = Layout() if share.found.label else self._layout(stream, kind)
        for number, member in members(stream, kind, self.config, share.first, share.of):
            if member.kind:
                result.passed_over[member.kind] += 1
            else:
                result.members[number] = list(self._member(share.found, member, layout))
        return result

    def _layout(self, stream: IO[bytes], kind: str) -> Layout:
        """Which folder is the class, in an archive outside class folders."""
        paths = member_paths(stream, kind, self.config)
        try:
            return find_layout(paths, self.classes, self.config.class_folder)
        except AmbiguousClassesError as error:
            detail = f"the archive: {error.what}; {advice_on(error, option=False)}"
            raise Refused("ambiguous-class", detail) from None

    def _member(self, found: LandedFile, member: ArchiveMember, layout: Layout) -> Iterator[Look]:
        label, digest = found.label, ""
        try:
            if not isinstance(member.content, bytes):
                raise member.content or no_class()
            digest = hashlib.sha256(member.content).hexdigest()
            kind = sniff(member.content[:SNIFF_BYTES])
            label = _member_label(label, member.path, kind, layout)
            name = member.path or PurePosixPath(found.path).stem
            yield from list(
                self._images(
                    found, name, label, digest, kind, member.content, alone=not member.path
                )
            )
        except Refused as refused:
            yield Look(found, 0, digest, label, "", refused)

    def _images(
        self,
        found: LandedFile,
        name: str,
        label: str,
        digest: str,
        kind: str,
        data: bytes,
        *,
        alone: bool = True,
    ) -> Iterator[Look]:
        """Every image of one file's bytes; raises Refused when the file is damaged.

        `alone` is false for one of the files of an archive: what lies beside that is not of it.
        """
        beside = BesideReader(self.landing, found, self.config)
        if kind in _ONE_IMAGE and (known := self.sources.get(digest)):
            who = self._identity(found, name, None)
            annotated = NOTHING_BESIDE
            if beside.says_something:
                with suppress(Refused):  # what it became stays
                    annotated = self._beside_known(beside, label, data, alone=alone)
            yield Look(found, 0, digest, label, who.patient, Known(known), who, annotated=annotated)
            return
        if (credentials := read_credentials(data)) and credentials.synthetic:
            raise _synthetic("its C2PA manifest says trainedAlgorithmicMedia")
        volume = data if kind == "NIfTI" else b""
        images: Iterable[Decoded | Refused] = decode(data, self.config)
        if beside.says_something and not volume:
            images = list(images)  # to know whether it is one
        one = alone and isinstance(images, list) and len(images) == 1
        for number, decoded in enumerate(images):
            if isinstance(decoded, Refused):
                yield Look(found, 0, digest, label, "", decoded)
                continue
            who, own = self._identity(found, name, decoded), label or decoded.label
            result: Image | Refused
            annotated = NOTHING_BESIDE
            try:
                if not own:
                    raise no_class()
                result = self._take(decoded, found)
                annotated = beside.of(
                    number, decoded.pixels.shape, own, volume=volume,
                    alone=one and not decoded.turned,
                )  # fmt: skip
                result = replace(result, spacing=result.spacing or annotated.spacing)
            except Refused as refused:
                result = refused
            group = who.patient or group_of_study(who.study)
            yield Look(found, 0, digest, own, group, result, who, annotated=annotated)

    def _beside_known(
        self, beside: BesideReader, label: str, data: bytes, *, alone: bool
    ) -> Annotated:
        """What lies beside an image that is known by its bytes; its size is in them."""
        first = next(iter(decode(data, self.config)))
        if isinstance(first, Refused):
            return NOTHING_BESIDE
        return beside.of(0, first.pixels.shape, label, alone=alone and not first.turned)

    def _take(self, decoded: Decoded, found: LandedFile) -> Image:
        if decoded.synthetic:
            raise _synthetic("its text says SyntheticData YES")
        if found.sidecar:
            raise _synthetic("the file beside it says that it was generated")
        pixels = decoded.pixels
        if not pixels.size:
            raise Refused("empty", f"the image has no pixels: {pixels.shape[1]}x{pixels.shape[0]}")
        if self.watermark:
            # The import takes half a second, which projects without a key should not pay.
            from pipeline.synthetic.watermark import detect

            if detect(pixels, self.watermark).found:
                raise _synthetic("its pixels bear the watermark of this project's generated images")
        id_, small = image_id(pixels), shrink(pixels)
        if id_ not in self.released:
            try:
                check_quality(pixels, small, self.config)
                check_burnt_in(
                    pixels, self.config, modality=decoded.modality, captured=decoded.captured
                )
            except Refused as refused:
                raise Refused(refused.reason, refused.detail, id_) from None
        stored = encode_png(pixels)
        # Another reader may be writing the same image, and either may be killed.
        unfinished = self.store / f".{id_}-{os.getpid()}"
        unfinished.write_bytes(stored)
        unfinished.replace(self.store / f"{id_}.png")
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
            modality=found.modality or decoded.modality,
            spacing=spacing,
            window=decoded.window,
        )

    def _identity(self, found: LandedFile, name: str, decoded: Decoded | None) -> Identity:
        """Whom a file names: the patient by list, file name or content, in this order."""
        given = found.patient or patient_in_name(name, self.config), ""
        own = (decoded.patient, decoded.issuer) if decoded else ("", "")
        study = self.names.study(decoded.series) if decoded else ""
        nobody = self.config.no_patient
        for patient, issuer in (given, own):
            if not identifies_nobody(patient, nobody):
                called = self.names.ever(patient, issuer)
                unissued = self.names.ever(patient)[0]
                return Identity(called[0], unissued, called[1:], is_vague(patient), study)
        patient, issuer = given if given[0] else own
        # An earlier version may have taken a placeholder for a patient; a person's word ends that.
        former = () if is_one_of(patient, nobody) else self.names.ever(patient, issuer)
        return Identity("", next(iter(self.names.ever(patient)), ""), former, study=study)


def _member_label(label: str, path: str, kind: str, layout: Layout) -> str:
    """The class of an archive's member; "" when its own labels give it."""
    if kind in ARCHIVES:
        raise Refused("nested-archive", "an archive in an archive; unpack one of the two")
    if not label and "/" in path:
        label = layout.label(path)
    if not label and kind not in _HOLD_CLASSES:
        raise no_class()
    return label


def _synthetic(why: str) -> Refused:
    detail = f"the image is marked as synthetic: {why}; a generator must not learn from it"
    return Refused("synthetic", detail)


def _no_image() -> Refused:
    return Refused("empty", "the file holds no image")


def no_class() -> Refused:
    """The refusal of a file without a class."""
    return Refused("no-class", "the file is in no class folder; put it into <class>/")
