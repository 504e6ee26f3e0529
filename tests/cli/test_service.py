"""``tickwork service``: the files that start it by themselves, and how they are written."""

from __future__ import annotations

import configparser
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import run as run_process
from tickwork.cli.main import run


def read(file: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read(file)
    return parser


def test_print_is_the_whole_of_it(capsys, tmp_path, monkeypatch):
    """S4-49, S4-56: systemd for processes that stay, a timer or cron for ticks; nothing else is needed."""
    monkeypatch.chdir(tmp_path)
    assert run(["service", "print", "--app", "shop:app"]) == 0
    said = capsys.readouterr().out
    heads = [line.removeprefix("# ---- ") for line in said.splitlines() if line.startswith("# ---- ")]
    assert heads == [
        "tickwork-daemon.service",
        "tickwork-worker.service",
        "tickwork-tick.service",
        "tickwork-tick.timer",
        "crontab",
    ]
    assert list(tmp_path.iterdir()) == []
    assert run(["service", "print", "run", "--app", "shop:app"]) == 0
    assert "ExecStart" in capsys.readouterr().out


def test_install_says_what_is_next_and_leaves_changed_files_alone(capsys, tmp_path):
    """Issue 3: print is the default; install never overwrites what somebody has changed, unless told to."""
    into = tmp_path / "units"
    install = ["service", "install", "--app", "shop:app", "--into", str(into), "--folder", "/srv/shop", "--as", "shop"]
    assert run(install) == 0
    said = capsys.readouterr().out
    assert f"written: {into / 'tickwork-daemon.service'}" in said
    assert "sudo systemctl enable --now tickwork-daemon.service tickwork-worker.service" in said
    worker = read(into / "tickwork-worker.service")
    assert worker["Service"]["WorkingDirectory"] == "/srv/shop"
    assert worker["Service"]["User"] == "shop"
    assert worker["Service"]["ExecStart"].endswith("-m tickwork worker --app shop:app")
    assert run(install) == 0
    assert "unchanged: " in capsys.readouterr().out

    file = into / "tickwork-worker.service"
    file.write_text(file.read_text() + "Nice=5\n")
    assert run(install) == 1
    said = capsys.readouterr()
    assert "was changed by somebody and is left as it is; --force replaces it" in said.err
    assert "Nice=5" in file.read_text()
    newer = [*install, "--environment-file", "/etc/shop.env"]
    assert run(newer) == 1  # ours is brought up to date, the changed one stays
    assert "EnvironmentFile=/etc/shop.env" in (into / "tickwork-daemon.service").read_text()
    assert run([*newer, "--force"]) == 0
    assert "Nice=5" not in file.read_text()


def test_a_password_in_the_address_reaches_the_command_as_it_is(capsys, tmp_path):
    url = "postgresql://app:p%40ss$word@db/app"
    assert run(["service", "install", "run", "--database", url, "--into", str(tmp_path)]) == 0
    command = read(tmp_path / "tickwork-run.service")["Service"]["ExecStart"]
    assert shlex.split(command)[-1].replace("%%", "%").replace("$$", "$") == url
    assert "p%%40ss$$word" in command


def test_own_units_stand_in_the_home_folder(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run(["service", "install", "tick", "--user", "--app", "shop:app"]) == 0
    folder = tmp_path / ".config/systemd/user"
    assert sorted(file.name for file in folder.iterdir()) == ["tickwork-tick.service", "tickwork-tick.timer"]
    said = capsys.readouterr().out
    assert "systemctl --user enable --now tickwork-tick.timer" in said
    assert "loginctl enable-linger" in said
    assert read(folder / "tickwork-tick.timer")["Timer"]["OnCalendar"] == "minutely"
    assert read(folder / "tickwork-tick.service")["Service"]["SuccessExitStatus"] == "75"


def test_what_cannot_be_is_refused(capsys, tmp_path):
    assert run(["service", "install", "--user", "--system"]) == 2
    assert "--user or --system, not both" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert run(["service", "install", "--into", str(tmp_path / "file" / "units")]) == 1
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.stores("sqlite")
def test_the_cron_line_works_as_it_stands(capsys, tmp_path, database_url):
    """S4-49: a cron line is enough: the line that is printed is run as cron runs it, with next to no environment."""
    (tmp_path / "shop.py").write_text("from tickwork import Tickwork\napp = Tickwork()\n")
    (tmp_path / "shop.env").write_text(f"TICKWORK_DATABASE={shlex.quote(database_url)}\n")
    assert run_process("-m", "tickwork", "db", "upgrade", "--database", database_url)[0] == 0
    options = ["--app", "shop:app", "--folder", str(tmp_path), "--environment-file", str(tmp_path / "shop.env")]
    assert run(["service", "print", "cron", *options]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("#")]
    assert [line.split(" cd ")[0] for line in lines] == ["* * * * *", "*/5 * * * *"]
    source = Path(__file__).parents[2] / "src"
    for line in lines:
        command = "cd " + line.split(" cd ", 1)[1].replace("\\%", "%")
        done = subprocess.run(["/bin/sh", "-c", command], env={"PYTHONPATH": str(source), "PATH": os.defpath})
        assert done.returncode == 0
    assert (tmp_path / "tickwork-tick.log").read_text().count("ended: none-ready") == 2


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here")
def test_systemd_understands_the_units(tmp_path):
    assert run(["service", "install", "run", "tick", "--app", "shop:app", "--into", str(tmp_path)]) == 0
    files = [str(file) for file in tmp_path.iterdir()]
    done = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
