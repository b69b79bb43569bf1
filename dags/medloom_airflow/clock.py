"""When a DAG runs by the clock."""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable


def by_clock(cron: str | None) -> CronTriggerTimetable | None:
    """The timetable of a cron expression in UTC; None: not by the clock.

    A new DAG waits for the next time that is due. By default, Airflow would at once start a run
    that was due within the last tenth of the interval, which is most of a Monday.
    """
    if cron is None:
        return None
    return CronTriggerTimetable(cron, timezone="UTC", run_immediately=timedelta(0))
