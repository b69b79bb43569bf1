"""Names that hold patients, and names that only count."""

import random
import re

import pytest

from pipeline.data.arrive.patient_from import PatientsFrom
from pipeline.data.ingest.patient_tokens import find_tokens

CLASSES = ("cyst", "stone")


def x_rays() -> dict[str, str]:
    """1,500 chest X-rays of about 730 persons: path -> person."""
    draw = random.Random(0)
    kinds = ("bacteria", "virus")
    people = [draw.randint(1, 900) for _ in range(1500)]
    return {
        f"pneumonia/person{person}_{draw.choice(kinds)}_{k}.jpeg": f"person{person}"
        for k, person in enumerate(people)
    }


HOLD = {
    "x-rays": x_rays(),
    "codes": {f"{c}/HX-{i}_{s}.png": f"HX-{i}" for c in CLASSES for i in range(1000, 2000, 17)
              for s in "ab"},
    "folders": {f"{c}/HX-{i}/{k:04d}.png": f"HX-{i}" for c in CLASSES
                for i in range(1000, 2000, 37) for k in range(5)},
    "few": {f"{c}/patient_{i:02d}/{k:04d}.png": f"patient_{i:02d}" for c in CLASSES
            for i in range(4) for k in range(5)},
    "numbers": {f"all/{i:08d}_{k:03d}.png": f"{i:08d}" for i in range(200) for k in range(4)},
    "class and number": {f"{c}/{c.upper()}-{i}-{k:04d}.jpeg": str(i) for n, c in enumerate(CLASSES)
                         for i in range(10**6 + n, 2 * 10**6, 7919) for k in range(1, 4)},
    "later": {f"x/bacteria_{k}_person{k % 97}.jpeg": f"person{k % 97}" for k in range(500)},
    "brain": {f"mr/sub-{i:02d}/ses-1/im{k}.png": f"sub-{i:02d}" for i in range(20)
              for k in range(4)},
}  # fmt: skip
COUNT = {
    "Cyst- (12).jpg": [f"{c}/{c.title()}- ({k}).jpg" for c in CLASSES for k in range(1, 500)],
    "img_0001": [f"{c}/img_{k:04d}.png" for c in CLASSES for k in range(500)],
    "scan-7": [f"{c}/scan-{k}.png" for c in CLASSES for k in range(500)],
    "scan-7_1": [f"{c}/scan-{k}_{s}.png" for c in CLASSES for k in range(50) for s in range(9)],
    "masks": [f"benign/benign ({k}){m}.png" for k in range(400) for m in ("", "_mask")],
    "numbers": [f"{c}/{k}.png" for c in CLASSES for k in range(500)],
    "folds": [f"{c}/fold{k % 5}_{k}.png" for c in CLASSES for k in range(500)],
    "dates": [f"{c}/2021{k % 12 + 1:02d}{k % 28 + 1:02d}_{k}.png" for c in CLASSES
              for k in range(500)],
    "years": [f"{c}/{2000 + k % 20}_{k}.png" for c in CLASSES for k in range(500)],
    "grades": [f"{c}/grade{k % 4}/{k}.png" for c in CLASSES for k in range(500)],
    "classes": [f"all/KL{k % 4}_{k}.png" for k in range(500)],
    "augmented": [f"{c}/{c}_{k}_aug_{a}.png" for c in CLASSES for k in range(99) for a in range(4)],
    "series": [f"{c}/IM-0001-{k:04d}.dcm" for c in CLASSES for k in range(100)],
    "hashes": [f"cyst/{random.Random(k).getrandbits(128):032x}_{k % 3}.png" for k in range(500)],
    "one patient": [f"cyst/HX-1093_{k}.png" for k in range(500)],
    "few files": ["cyst/HX-1_1.png", "cyst/HX-1_2.png"],
    "words": [f"cyst/mueller_{k}.png" for k in range(50)],
    "none": [],
}  # fmt: skip


@pytest.mark.parametrize("case", HOLD)
def test_the_pattern_reads_the_patients_as_the_option_does(case: str) -> None:
    truth = HOLD[case]
    hint = find_tokens(truth)
    assert hint is not None
    option = PatientsFrom.parse(hint.pattern)
    read = {path: (option.of(path) or {}).get("patient") for path in truth}
    assert read == truth
    assert (hint.patients, hint.files) == (len(set(truth.values())), len(truth))
    assert not re.search(r"\d", hint.example)


@pytest.mark.parametrize("case", COUNT)
def test_what_counts_files_is_no_patient(case: str) -> None:
    assert find_tokens(COUNT[case]) is None


def test_files_without_a_token_are_not_counted() -> None:
    others = [f"normal/IM-{k:04d}-0001.jpeg" for k in range(500)]
    hint = find_tokens([*x_rays(), *others])
    assert hint is not None
    assert hint.files == 1500
    assert hint.example == "person#_*_#.jpeg", "words that are not the token's stay out"
