"""A crontab as cron reads it: columns, environment, percent signs, zones; and what is refused, by line and field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwork.errors import InvalidInput
from tickwork.model.crontab import LAYOUTS, CrontabJob, Layout, layout_of, read_crontab, split_at_percent


def only_job(text: str, layout: Layout = "user", **how: str) -> CrontabJob:
    crontab = read_crontab(text.encode(), layout, **how)
    assert crontab.faults == ()
    (job,) = crontab.jobs
    return job


@pytest.mark.parametrize(
    ("path", "layout"),
    [
        ("/etc/crontab", "system"),
        ("/srv/image/etc/crontab", "system"),
        ("/etc/cron.d/php", "system"),
        ("roles/koji/koji-gc.cron.d", "system"),
        ("crontab", "user"),
        ("/var/spool/cron/crontabs/alice", "user"),
        ("deploy/my-etc-crontab", "user"),
        ("cron.d", "user"),
    ],
)
def test_the_layout_follows_from_the_path(path: str, layout: str) -> None:
    assert layout_of(path) == layout


@pytest.mark.parametrize(
    ("text", "command", "given"),
    [
        ("plain", "plain", None),
        ("cat%", "cat", ""),
        ("cat%one", "cat", "one\n"),
        ("cat%one%two%", "cat", "one\ntwo\n"),
        (r"date +\%H:\%M", "date +%H:%M", None),
        (r"cat%50\% done%end", "cat", "50% done\nend\n"),
        (r"grep '\.php'", r"grep '\.php'", None),  # a backslash before anything else stays
        (r"echo \\%x", "echo \\\\", "x\n"),  # the second backslash is the escaped one, so this percent sign counts
        ("trailing blanks  ", "trailing blanks  ", None),
    ],
)
def test_percent_signs_are_those_of_crontab_5(text: str, command: str, given: str | None) -> None:
    assert split_at_percent(text) == (command, given)


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("PATH=/bin:/usr/bin", "PATH", "/bin:/usr/bin"),
        ("  HOME = /var/log  ", "HOME", "/var/log"),
        ('MAILTO=""', "MAILTO", ""),
        ("MAILTO=", "MAILTO", ""),
        ("GREETING=' kept '", "GREETING", " kept "),
        ('"odd name" = x', "odd name", "x"),
        ("MAILTO=root HOME=/ ", "MAILTO", "root HOME=/"),
        ("ROOT=$HOME/src", "ROOT", "$HOME/src"),  # cron expands nothing
        ("NOTE=a # b", "NOTE", "a # b"),
        ("QUOTE='unmatched\"", "QUOTE", "'unmatched\""),
    ],
)
def test_environment_lines_are_taken_literally(line: str, name: str, value: str) -> None:
    assert only_job(f"{line}\n0 0 * * * run\n").environment == {name: value}


def test_an_environment_line_holds_for_the_jobs_below_it() -> None:
    first, second = read_crontab(b"A=1\n0 0 * * * one\nA=2\nB=3\n0 0 * * * two").jobs
    assert (first.environment, second.environment) == ({"A": "1"}, {"A": "2", "B": "3"})


def test_assignments_before_a_command_belong_to_the_command() -> None:
    job = only_job("0 8 * * * PATH=x:$PATH A=1 update\n")
    assert (job.command, job.environment) == ("PATH=x:$PATH A=1 update", {})


@pytest.mark.parametrize(
    ("layout", "text", "clock", "command", "user"),
    [
        ("user", "\t*/20 6-18/6 1,15 * mon-fri  make   it so", "*/20 6-18/6 1,15 * MON-FRI", "make   it so", None),
        ("user", "@daily\tbackup", "0 0 * * *", "backup", None),
        ("system", "17 *\t* * *\troot    cd / && run-parts", "17 * * * *", "cd / && run-parts", "root"),
        ("system", "@weekly www-data clean up", "0 0 * * 0", "clean up", "www-data"),
        ("seconds", "*/6 * * * * * echo hello", "*/6 * * * * *", "echo hello", None),
        ("user", "* * * * * crlf\r", "* * * * *", "crlf", None),
        ("user", "\ufeff* * * * * bom", "* * * * *", "bom", None),
    ],
)
def test_columns(layout: Layout, text: str, clock: str, command: str, user: str | None) -> None:
    job = only_job(text, layout)
    assert (job.clock.params()["expression"], job.command, job.user) == (clock, command, user)


def test_every_is_an_interval() -> None:
    job = only_job("@every 90s poll --all")
    assert (job.clock.kind, job.command) == ("every", "poll --all")


@pytest.mark.parametrize(
    ("zone", "text", "zones"),
    [
        ("UTC", "0 9 * * * a", ["UTC"]),
        ("Asia/Tokyo", "0 9 * * * a", ["Asia/Tokyo"]),
        ("Asia/Tokyo", "0 9 * * * a\nCRON_TZ=Europe/Berlin\n0 9 * * * b", ["Asia/Tokyo", "Europe/Berlin"]),
        ("UTC", 'CRON_TZ="America/New_York"\nTZ=Asia/Tokyo\n0 9 * * * a', ["America/New_York"]),
    ],
)
def test_the_zone_is_that_of_cron_tz_else_the_given_one_else_utc(zone: str, text: str, zones: list[str]) -> None:
    assert [job.clock.zone for job in read_crontab(text.encode(), zone=zone).jobs] == zones  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("layout", "text", "line", "field", "says"),
    [
        ("user", "# fine\n0 30 * * * php x", 2, "hour", "0 to 23"),
        ("user", "0 0 * 13 * x", 1, "month", "1 to 12"),
        ("user", "0 0 30 2 * x", 1, "day of month", "never fires"),
        ("user", "This line is prose", 1, "minute", "'THIS'"),
        ("user", "0 0 *", 1, "month", "5"),
        ("user", "5", 1, "hour", "time fields"),
        ("user", "0 0 * * *", 1, "command", "a command"),
        ("user", "0 0 * * *   ", 1, "command", "a command"),
        ("user", "*/6 * * * * * echo", 1, "command", "--format seconds"),
        ("user", "@reboot start", 1, "@reboot", "--skip-reboot"),
        ("user", "@fortnightly x", 1, "cron expression", "@hourly"),
        ("user", "\n\nCRON_TZ=Mars/Olympus", 3, "CRON_TZ", "IANA"),
        ("system", "0 0 * * * root", 1, "command", "the user"),
        ("system", "0 0 * * *", 1, "user", "a user"),
        ("system", "0 0 * * * /bin/sh x", 1, "user", "--format user"),
        ("seconds", "60 * * * * * x", 1, "second", "0 to 59"),
        ("user", "0 0 * * * nul\0", 1, "line", "NUL"),
        ("user", "=value", 1, "minute", "0 to 59"),
    ],
)
def test_what_is_refused_names_line_and_field(layout: Layout, text: str, line: int, field: str, says: str) -> None:
    crontab = read_crontab(text.encode(), layout)
    (fault,) = crontab.faults
    assert (fault.line, fault.field, crontab.jobs) == (line, field, ())
    assert str(fault).startswith(f"line {line}: {field}: ")
    assert says in str(fault)


def test_bytes_that_are_no_utf_8_are_refused_in_a_job_and_let_be_in_a_comment() -> None:
    crontab = read_crontab(b"# caf\xe9\n0 0 * * * echo caf\xe9\n0 1 * * * echo fine\n")
    assert [fault.line for fault in crontab.faults] == [2]
    assert [job.line for job in crontab.jobs] == [3]


def test_a_job_below_a_zone_that_does_not_exist_is_refused_since_its_hour_is_not_known() -> None:
    crontab = read_crontab(b"CRON_TZ=Mars/Olympus\n0 9 * * * a\nCRON_TZ=UTC\n0 9 * * * b")
    assert [(fault.line, fault.field) for fault in crontab.faults] == [(1, "CRON_TZ"), (2, "zone")]
    assert [job.command for job in crontab.jobs] == ["b"]


def test_another_users_job_is_refused_unless_any_user_will_do() -> None:
    text = b"0 0 * * * alice a\n0 0 * * * bob b\n"
    mine = read_crontab(text, "system", user="alice")
    assert [job.command for job in mine.jobs] == ["a"]
    assert [(fault.line, fault.field) for fault in mine.faults] == [(2, "user")]
    assert "--ignore-user" in str(mine.faults[0])
    assert [job.user for job in read_crontab(text, "system").jobs] == ["alice", "bob"]


def test_reboot_can_be_left_out() -> None:
    crontab = read_crontab(b"@reboot a\n@hourly b\n", skip_reboot=True)
    assert ([job.command for job in crontab.jobs], crontab.faults) == (["b"], ())
    assert [fault.line for fault in crontab.left_out] == [1]


def test_names_follow_the_text_and_not_the_place() -> None:
    before = read_crontab(b"0 1 * * * a\n0 2 * * * b\n").jobs
    after = read_crontab(b"# moved\n\nX=1\n  0 2 * * * b  \n0 1 * * * a").jobs
    assert {job.command.strip(): job.name for job in before} == {job.command.strip(): job.name for job in after}


def test_identical_lines_are_two_jobs_as_they_are_for_cron() -> None:
    first, second, third = read_crontab(b"* * * * * a\n* * * * * a\n* * * * * a\n").jobs
    assert (second.name, third.name) == (f"{first.name}.2", f"{first.name}.3")


def test_an_unknown_layout_or_zone_is_refused() -> None:
    with pytest.raises(InvalidInput, match="user, system or seconds"):
        read_crontab(b"", "quartz")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="zone"):
        read_crontab(b"", zone="Mars/Olympus")


_PIECES = st.sampled_from(
    ["*", "*/5", "0", "59", "mon-fri", "@daily", "@reboot", "@every", "90s", "root", "make", "%", "\\%", "=", "A=1",
     "CRON_TZ=Asia/Tokyo", "#", "'", '"', " ", "\t", "\r", "\n", "\0", "\ufeff", "0/5", "30 25 * * *", "* * * * * x"]
)  # fmt: skip


@given(
    st.one_of(st.binary(max_size=300), st.lists(_PIECES, max_size=40).map(lambda pieces: " ".join(pieces).encode())),
    st.sampled_from(LAYOUTS),
    st.sampled_from([None, "root"]),
    st.booleans(),
)
def test_no_file_whatever_breaks_the_reader_and_every_line_is_accounted_for(
    data: bytes, layout: Layout, user: str | None, skip_reboot: bool
) -> None:
    crontab = read_crontab(data, layout, user=user, skip_reboot=skip_reboot)
    told = [*crontab.jobs, *crontab.faults, *crontab.left_out]
    assert len({each.line for each in told}) == len(told) <= data.count(b"\n") + 1
    assert len({job.name for job in crontab.jobs}) == len(crontab.jobs)
    for job in crontab.jobs:
        assert job.command.strip() or job.input is not None
