"""Drawing images from a project's versions in this process, without a service.

The journal maps a version or alias to its weights, which are in the DVC remote with their code on
the run's branch; this machine keeps them in `generator_store`. MLflow is used only for versions
that were never judged and aliases that a person has set.

The gate draws as a consumer does, with `pipeline.registry.isolated_consumer`.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.layouts import Layouts
from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.ledger.journal import BRANCH, Journal
from pipeline.ledger.ledger import Ledger
from pipeline.registry.aliases import CHALLENGER, CHAMPION, PREVIOUS, Projection
from pipeline.registry.asked import NOTHING_ASKED, Asked
from pipeline.registry.bundle import LoadedBundle, SampledImage
from pipeline.registry.draw_counts import DrawCounter
from pipeline.registry.edits import Edit
from pipeline.registry.fetching import fetch_bundle
from pipeline.registry.generator_store import GeneratorStore
from pipeline.registry.output_spec import OutputSpec


class Version(NamedTuple):
    """A version and the origin of its weights.

    Attributes:
        number: version number.
        aliases: aliases of the version, such as champion.
        weights_sha256: sha256 of its weights.
        run_key: key of the run that trained it.
    """

    number: int
    aliases: tuple[str, ...]
    weights_sha256: str
    run_key: str


class Generators:
    """The generators of a project, each fetched once per machine and loaded once per process.

    Args:
        project: the project.
        counter: counts the images that are drawn; None: nobody does.
        withheld: draw also from versions that were found to copy a training image, for whoever
            checks or audits them; everybody else is refused their images.
    """

    def __init__(
        self, project: Project, counter: DrawCounter | None = None, *, withheld: bool = False
    ) -> None:
        self._settings, self._counter, self._withheld = project, counter, withheld
        self._store = GeneratorStore(project.cache / "generators")
        self._found: dict[str, Version] = {}
        self._loaded: dict[str, LoadedBundle] = {}
        self._read: Journal | None = None

    def find(self, version: int | str) -> Version:
        """Find a version by number or alias.

        Raises:
            BadInputError: it does not exist; the message lists those that do.
        """
        asked = str(version)
        if asked not in self._found:
            found = self._judged(asked) or self._registered(asked)
            self._found |= {asked: found, str(found.number): found}
        return self._found[asked]

    def output_spec(self, version: int | str) -> OutputSpec:
        """What a version's images are.

        Raises:
            BadInputError: as `draw`.
        """
        return self._load(self.find(version)).output_spec

    def layouts(
        self,
        version: int | str,
        labels: Sequence[str],
        seed: int,
        *,
        start: int = 0,
        asked: Asked = NOTHING_ASKED,
    ) -> Layouts | None:
        """The layouts that `draw` draws by; see `LoadedBundle.layouts`.

        Raises:
            BadInputError: as `draw`, or the version cannot draw what is asked for.
        """
        found = self.find(version)
        with _naming(found):
            return self._load(found).layouts(labels, seed, start=start, asked=asked)

    def made_layouts(
        self,
        version: int | str,
        labels: Sequence[str],
        seed: int,
        *,
        start: int = 0,
        truncation: float = 1.0,
    ) -> Layouts | None:
        """Where findings are in images of `draw`; see `LoadedBundle.made_layouts`.

        Raises:
            BadInputError: as `draw`.
        """
        with self._handed_out(version) as (_, bundle):
            return bundle.made_layouts(labels, seed, start=start, truncation=truncation)

    def draw(
        self,
        version: int | str,
        labels: Sequence[str],
        seed: int,
        *,
        start: int = 0,
        truncation: float = 1.0,
        frames: int = 0,
        layouts: Layouts | None = None,
        edit: Edit | None = None,
    ) -> NDArray[np.uint8]:
        """Draw images, bit for bit those that a consumer on this machine gets.

        This holds for equal numbers of threads, on which the last digit of torch's sums depends.

        Args:
            version: number or alias.
            labels: class names or mixtures, one per image.
            seed, start, truncation, frames: as in `pipeline.registry.mlflow_model`.
            layouts: where the findings are, one per label; None: as in the training images.
            edit: how each image is moved; None: not at all.

        Returns:
            uint8 [N, H, W], N = len(labels), or (len(labels) - 1) * frames + 1 with frames.

        Raises:
            BadInputError: the version or class does not exist, its images are not handed out, or
                the weights are missing or altered.
        """
        with self._handed_out(version) as (found, bundle):
            images = bundle.draw(
                labels,
                seed,
                start=start,
                truncation=truncation,
                frames=frames,
                layouts=layouts,
                edit=edit,
            )
        if self._counter:
            self._counter.count(found.number, labels)
        return images

    def between(
        self,
        version: int | str,
        first: SampledImage,
        second: SampledImage,
        shares: Sequence[float],
        *,
        truncation: float = 1.0,
        layouts: Layouts | None = None,
    ) -> NDArray[np.uint8]:
        """Draw images on the way from one image of a version to another.

        Args:
            version: number or alias.
            first, second: label, seed and index of each.
            shares: of the way, 0 to 1.
            truncation: as in `draw`.
            layouts: of the two images; None: as in the training images.

        Returns:
            uint8 [len(shares), H, W]; share 0 is the first image of `draw`, bit for bit.

        Raises:
            BadInputError: as `draw`, or the version's code is of an earlier medloom.
        """
        with self._handed_out(version) as (found, bundle):
            images = bundle.between(first, second, shares, truncation=truncation, layouts=layouts)
        if self._counter:
            self._counter.count(found.number, [first[0]] * len(images))
        return images

    def make(
        self,
        version: int | str,
        given: NDArray[np.uint8],
        labels: Sequence[str] = (),
        *,
        noise: float = 0.0,
    ) -> NDArray[np.uint8]:
        """What a version makes of given images; see `LoadedBundle.make`.

        `labels` are those of the images, by which they are counted.

        Raises:
            BadInputError: as `draw`, or the version is given no images.
        """
        with self._handed_out(version) as (found, bundle):
            images = bundle.make(given, noise=noise)
        if self._counter:
            self._counter.count(found.number, labels)
        return images

    def rival(self, version: int | str, given: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What the rival of a version's task makes of given images, such as bicubic.

        Raises:
            BadInputError: the version does not exist, or its weights are missing or altered.
        """
        return self._load(self.find(version)).rival(given)

    def require_handed_out(self, version: int | str) -> None:
        """Check that images of a version may be handed out; the journal is asked each time.

        Raises:
            BadInputError: one of its images is a copy of a training image.
        """
        found, journal = self.find(version), self._journal()
        record = None if self._withheld else journal.withheld(found.weights_sha256)
        if record:
            raise BadInputError(
                f"images of version {found.number} are not handed out: {record.reason} (record "
                f"{record.sequence} of the journal, {record.time}). Choose another version; an "
                "auditor draws them with `medloom generate --withheld`"
            )

    @contextmanager
    def _handed_out(self, version: int | str) -> Iterator[tuple[Version, LoadedBundle]]:
        """A version whose images may be handed out, loaded; errors name it."""
        self.require_handed_out(version)
        found = self.find(version)
        with _naming(found):
            yield found, self._load(found)

    def _journal(self) -> Journal:
        """The journal as it is now; it is read again only if somebody appended to it."""
        ledger, known = Ledger(self._settings), self._read
        if known is None or known.commit is None or ledger.head(BRANCH) != known.commit:
            known = self._read = Journal(ledger)
        return known

    # -- finding a version -----------------------------------------------------------------------

    def _judged(self, asked: str) -> Version | None:
        """Find a version in the journal; None: it is not there."""
        journal = Journal(Ledger(self._settings))
        now = Projection.of(journal)
        aliases = {CHAMPION: now.champion, PREVIOUS: now.previous, CHALLENGER: now.challenger}
        number = _number(asked, aliases)
        if number is None:
            if asked in aliases:
                raise self._unknown(asked, {r.version for r in journal.records}, aliases)
            return None
        # The first record: equal weights of a later run are the same version.
        record = next((r for r in journal.records if r.version == number), None)
        if record is None:
            return None
        return Version(number, _aliases_of(number, aliases), record.weights_sha256, record.run_key)

    def _registered(self, asked: str) -> Version:
        """Find a version in MLflow, whose server is started if none is running."""
        from pipeline.local import services
        from pipeline.registry.registry import RUN_KEY_TAG, WEIGHTS_TAG, Registry

        with services.mlflow(self._settings) as uri:
            registry = Registry(uri, self._settings.model)
            aliases, known = registry.aliases(), registry.versions()
            number = _number(asked, aliases)
            if number is None or number not in known:
                raise self._unknown(asked, set(known), aliases)
            tags = registry.tags(number)
        if WEIGHTS_TAG not in tags:
            raise BadInputError(
                f"version {number} of {self._settings.model} has no tag {WEIGHTS_TAG}; set it by "
                "hand in MLflow from the config.json among its artifacts"
            )
        found = _aliases_of(number, aliases)
        return Version(number, found, tags[WEIGHTS_TAG], tags.get(RUN_KEY_TAG, ""))

    def _unknown(
        self, asked: str, known: Set[int | None], aliases: Mapping[str, int | None]
    ) -> BadInputError:
        numbers = [str(number) for number in sorted(n for n in known if n is not None)]
        named = [f"{alias} ({number})" for alias, number in aliases.items() if number is not None]
        there = f"it has {', '.join(numbers + named)}" if numbers else "it has none yet"
        return BadInputError(
            f"{self._settings.model} has no version {asked!r}; {there}. "
            "`medloom champion history` lists the decisions"
        )

    def _load(self, version: Version) -> LoadedBundle:
        sha256 = version.weights_sha256
        if sha256 not in self._loaded:
            bundle = self._store.find(sha256) or self._store.add(
                sha256,
                partial(fetch_bundle, self._settings, version.number, version.run_key, sha256),
            )
            try:
                self._loaded[sha256] = LoadedBundle.load(bundle)
            except ValueError as error:
                raise BadInputError(f"{bundle} does not load: {error}") from error
        return self._loaded[sha256]


@contextmanager
def _naming(version: Version) -> Iterator[None]:
    """Name the version in errors."""
    try:
        yield
    except BadInputError as error:
        raise BadInputError(f"cannot draw from version {version.number}: {error}") from error


def _number(asked: str, aliases: Mapping[str, int | None]) -> int | None:
    return int(asked) if asked.isdecimal() else aliases.get(asked)


def _aliases_of(number: int, aliases: Mapping[str, int | None]) -> tuple[str, ...]:
    return tuple(alias for alias, one in aliases.items() if one == number)
