"""`make audit`: what is known against the locked packages, less what is accepted with a reason."""

import json
import sys
from pathlib import Path

import pytest

from scripts.audit import known

REPORT = json.dumps(
    {
        "dependencies": [
            {"name": "pillow", "version": "12.0.0", "vulns": []},
            {
                "name": "mlflow",
                "version": "3.17.2",
                "vulns": [
                    {"id": "CVE-2026-1", "fix_versions": ["99.0"], "aliases": ["GHSA-a"]},
                    {"id": "CVE-2026-2", "fix_versions": [], "aliases": []},
                ],
            },
        ],
        "fixes": [],
    }
)


def test_what_is_not_accepted_fails_and_names_what_mends_it() -> None:
    said, code = known.judge(known.found_in(REPORT), {})
    assert code == 1
    assert said == [
        "OPEN      mlflow 3.17.2: CVE-2026-1, GHSA-a; mended in 99.0",
        "OPEN      mlflow 3.17.2: CVE-2026-2; no version mends it",
        "2 known, 0 of them accepted in accepted.txt",
    ]


def test_what_is_accepted_by_any_of_its_names_passes() -> None:
    why = known.accepted("# why\n\nGHSA-a mlflow  no user\nCVE-2026-2 mlflow  not served\n")
    said, code = known.judge(known.found_in(REPORT), why)
    assert code == 0
    assert said[0].endswith(": no user")


def test_a_line_that_applies_to_nothing_any_more_fails() -> None:
    found = known.found_in(REPORT)
    why = {"CVE-2026-1": "a", "CVE-2026-2": "b", "CVE-2020-9": "c"}
    said, code = known.judge(found, why)
    assert code == 1
    assert "OBSOLETE  CVE-2020-9" in said[2]


def test_nothing_is_accepted_without_a_reason() -> None:
    with pytest.raises(ValueError, match="lacks a package or a reason"):
        known.accepted("CVE-2026-1 mlflow\n")


def test_the_accepted_file_can_be_read() -> None:
    known.accepted(known.ACCEPTED.read_text())


@pytest.mark.parametrize(
    ("prints", "code"),
    [
        (REPORT, 1),
        (json.dumps({"dependencies": [], "fixes": []}), 0),
        ("", 75),
    ],
)
def test_the_exit_code_tells_apart_what_is_known_and_a_service_that_is_away(
    tmp_path: Path, prints: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "pip-audit"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nprint({prints!r}, end='')\n"
        "print('no route to OSV', file=sys.stderr)\nsys.exit(1)\n"
    )
    program.chmod(0o755)
    assert known.main(str(program), "requirements.lock") == code
    if code == 75:
        assert "nothing was audited: no route to OSV" in capsys.readouterr().err
