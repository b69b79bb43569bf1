"""Which alarms follow from what a run measured. Pure functions of records and parameters."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pipeline.monitor.config import MonitorConfig
from pipeline.monitor.record import (
    Alarm,
    ChampionState,
    ClassDrift,
    Flags,
    Redraw,
    Share,
)

_IN_WORDS = {"kernel": "kernel distance", "intensity": "mean grey level"}


class Found(NamedTuple):
    """An alarm that a run finds: as `Alarm`, before it is known whether it is a new one."""

    key: str
    says: str
    do: str


class Changed(NamedTuple):
    """The alarms of a run, beside those of the run before.

    Attributes:
        on: all that are on.
        untold: those of them that the webhook has not accepted yet.
        cleared: that were on before, and are not now.
    """

    on: list[Alarm]
    untold: list[Alarm]
    cleared: list[Alarm]


def find_alarms(
    config: MonitorConfig,
    *,
    champion: ChampionState | None = None,
    drift: Sequence[ClassDrift] = (),
    redraw: Redraw | None = None,
    refused: Share | None = None,
    flags: Sequence[Flags] = (),
) -> list[Found]:
    """The alarms that follow from what was measured, most urgent first."""
    return [
        *_redraw(redraw),
        *_drift(drift),
        *_champion(champion, config),
        *_refused(refused, config),
        *_flags(flags),
    ]


def follow(found: Iterable[Found], before: Sequence[Alarm], now: str) -> Changed:
    """Which alarms are new, still on, or cleared.

    Args:
        found: by this run.
        before: on after the last run.
        now: time of this run.
    """
    known = {one.key: one for one in before}
    on = []
    for one in found:
        was = known.get(one.key)
        on.append(
            Alarm(
                key=one.key,
                since=was.since if was else now,
                says=one.says,
                do=one.do,
                told=bool(was and was.told),
            )
        )
    keys = {one.key for one in on}
    return Changed(
        on,
        [one for one in on if not one.told],
        [one for one in before if one.key not in keys],
    )


def _redraw(redraw: Redraw | None) -> Iterator[Found]:
    if redraw is None:
        return
    host = redraw.host.get("name", "?")
    if redraw.state == "failed":
        yield Found(
            "redraw",
            f"version {redraw.version} cannot be drawn on {host}: {redraw.why}",
            "`medloom audit verify` shows what is missing",
        )
    elif redraw.state == "differs":
        of = len(redraw.pixels)
        yield Found(
            "redraw",
            f"{len(redraw.differing)} of {of} images of version {redraw.version} are drawn "
            f"differently on {host} than in record {redraw.against}{_how_far(redraw)}; "
            f"{_why_changed(redraw)}",
            "if that was meant, such as a new torch, `medloom monitor --accept REASON` makes these "
            "images the reference; if not, put the host back. Links and files that were made "
            "before show other pixels here",
        )


def _how_far(redraw: Redraw) -> str:
    if redraw.share_apart is None:
        return ", by an unknown amount (the pixels of then are lost)"
    return f", in {redraw.share_apart:.2%} of their pixels by at most {redraw.most_apart} of 255"


def _why_changed(redraw: Redraw) -> str:
    if not redraw.changed:
        return "nothing that is known of the host has changed"
    told = (f"{name} was {then} and is {now}" for name, (then, now) in redraw.changed.items())
    return "; ".join(told)


def _drift(drift: Sequence[ClassDrift]) -> Iterator[Found]:
    for one in drift:
        if beyond := one.beyond:
            told = " and ".join(
                f"{_IN_WORDS.get(f.name, f.name)} {f.value:.4g}, chance reaches {f.floor:.4g} "
                f"(p {f.p:.2g}, at most {f.level:.2g})"
                for f in beyond
            )
            yield Found(
                f"drift:{one.label}",
                f"{one.landed} images of {one.label} that landed since differ from the "
                f"{one.earlier} of the champion's data: {told}",
                "look at them with `medloom data report --against champion -o FILE.html`; if they "
                "belong here, `medloom run` learns them, if not, `medloom audit withdraw` takes "
                "them out",
            )


def _champion(champion: ChampionState | None, config: MonitorConfig) -> Iterator[Found]:
    if champion is None:
        return
    if 0 < config.max_champion_age_days < champion.days:
        yield Found(
            "age",
            f"version {champion.version} has been champion for {champion.days:.0f} days, and "
            f"{config.max_champion_age_days:g} are allowed; {champion.landed} images landed since",
            "`medloom run` trains on the newest data; `monitor.max_champion_age_days` is the limit",
        )
    if champion.looks and champion.looks_used >= champion.looks:
        yield Found(
            "worn",
            f"the test split has served {champion.looks_used} comparisons of {champion.looks}, "
            "and decides none any more",
            "add test groups, that is, patients; docs/gate.md says how many",
        )


def _refused(refused: Share | None, config: MonitorConfig) -> Iterator[Found]:
    if refused and refused.low > config.most_refused:
        yield Found(
            "refused",
            f"{refused.count} of {refused.of} files that arrived since the champion's data were "
            f"refused ({refused.low:.0%} to {refused.high:.0%}), and {config.most_refused:.0%} are "
            "allowed",
            "`medloom data quarantine list` says why",
        )


def _flags(flags: Sequence[Flags]) -> Iterator[Found]:
    for one in flags:
        if one.asks:
            share = one.flawed
            yield Found(
                f"flagged:{one.label}",
                f"{one.flaggers} readers found {share.count} of {share.of} judged images of "
                f"{one.label} flawed ({share.low:.0%} to {share.high:.0%})",
                "`medloom feedback list` says what is wrong; `watch` asks for a retraining by what "
                "was said since the last verdict",
            )
