"""Opinions on images of a version: who says it, and which image is meant."""

import os
import pwd
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.data.names import Pseudonyms
from pipeline.feedback.opinions import NUMBERS, Opinion, give
from pipeline.ledger.ledger import Ledger
from pipeline.registry.generators import Generators


def reader_of(project: Project, person: str) -> str:
    """The pseudonym of a person, under the key of the patients' pseudonyms.

    Raises:
        BadInputError: the key cannot be read.
    """
    return Pseudonyms.load(project.patient_key, make=True).reader(person)


def account_of(project: Project) -> str:
    """The pseudonym of the account that this process runs under, whatever its environment says.

    Raises:
        BadInputError: the key cannot be read.
    """
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in a container that nobody gave a user
        name = str(os.getuid())
    return reader_of(project, name)


def judge_images(
    project: Project,
    version: str,
    label: str,
    seed: int,
    indices: Sequence[int],
    *,
    reader: str,
    given_by: str = "",
    tags: Sequence[str] = (),
    note: str = "",
    role: str = "",
    settings: Mapping[str, Any] | None = None,
    generators: Generators | None = None,
) -> list[Opinion]:
    """Append an opinion on each of some images of a version.

    Args:
        project: the project.
        version: version number or alias; the number is recorded.
        label: the class, or mixture, that was asked for.
        seed, indices: the images, as `medloom generate` numbers them.
        reader: pseudonym, see `reader_of`.
        given_by: pseudonym of who enters it for the reader; "": the reader does.
        tags: what is wrong with them; none: they are good.
        note: in words, without a patient's name.
        role: of the reader.
        settings: what else was asked for, such as truncation and findings.
        generators: that have the version loaded already.

    Raises:
        BadInputError: the version or the class does not exist, or the opinion is not allowed.
        TransientError: others kept appending.
    """
    generators = generators or Generators(project)
    found = generators.find(version)
    spec = generators.output_spec(found.number)
    spec.require_drawing(found.number)
    _require_class(label, spec.classes, found.number)
    if max(seed, *indices) >= NUMBERS:
        raise BadInputError(
            f"seed {seed} and number {max(indices)} name no image: both end at 2^64 - 1, and files "
            "that medloom writes bear them in their names"
        )
    said = {
        "reader": reader,
        "given_by": "" if given_by == reader else given_by,
        "role": role,
        "version": found.number,
        "weights_sha256": found.weights_sha256,
        "label": label,
        "seed": seed,
        "settings": dict(settings or {}),
        "verdict": "flawed" if tags else "good",
        "tags": sorted(set(tags)),
        "note": note,
    }
    return give(Ledger(project), [said | {"index": index} for index in indices])


def _require_class(label: str, classes: Sequence[str], version: int) -> None:
    from model.families.mixtures import class_weights

    try:
        class_weights(classes, [label])
    except ValueError as error:
        raise BadInputError(f"version {version}: {error}") from None
