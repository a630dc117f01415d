"""The systemd unit, told by a `systemctl` of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from nemo_watchdog.doctor import unit
from nemo_watchdog.shipped import Example, text_of
from tests.unit.doctor.parts import all_of, told

WELL = {
    "LoadState": "loaded",
    "UnitFileState": "enabled",
    "ActiveState": "active",
    "SubState": "running",
    "Result": "success",
    "NRestarts": "0",
    "NeedDaemonReload": "no",
    "DropInPaths": "",
    "WatchdogUSec": "30s",
    "LimitNOFILE": "65536",
}


async def look(folder: Path, text: str | None = None, **told_by: str) -> list[tuple[str, str, str]]:
    """With this unit file; grade, what was seen, and what to do."""
    file = folder / "nemo-watchdog.service"
    file.write_text(text_of(Example.UNIT) if text is None else text, encoding="utf-8")
    lines = "\n".join(f"{key}={value}" for key, value in {**WELL, "FragmentPath": str(file), **told_by}.items())
    return await look_with(folder, f"cat <<'END'\n{lines}\nEND\n")


async def look_with(folder: Path, script: str) -> list[tuple[str, str, str]]:
    systemctl = folder / "systemctl"
    systemctl.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
    systemctl.chmod(0o755)
    return [each[1:] for each in told(await all_of(unit.look_at_unit(folder, str(systemctl))))]


async def test_all_is_well(tmp_path: Path) -> None:
    """A drop-in is how one changes it."""
    assert await look(tmp_path) == [("good", "enabled, active, as it comes with this version", "")]
    ((_, seen, _),) = await look(tmp_path, DropInPaths="/etc/a.conf /etc/b.conf")
    assert seen == "enabled, active, as it comes with this version, with 2 drop-ins"


async def test_comments_and_line_ends_do_not_matter(tmp_path: Path) -> None:
    text = "# ours\n" + text_of(Example.UNIT).replace("RestartSec=5", "RestartSec = 5").replace(
        "@privileged @resources", "@privileged \\\n  @resources"
    )
    assert [each[0] for each in await look(tmp_path, text)] == ["good"]


@pytest.mark.parametrize(
    ("told_by", "grade", "seen", "remedy"),
    [
        (
            {"ActiveState": "failed", "Result": "exit-code"},
            "bad",
            "it has failed (exit-code) and does not run",
            "journalctl -u nemo-watchdog -n 30 says why; then systemctl restart nemo-watchdog",
        ),
        (
            {"ActiveState": "activating", "Result": "exit-code", "NRestarts": "17"},
            "bad",
            "it does not get to run (exit-code), and systemd starts it again, for the 17th time",
            "journalctl -u nemo-watchdog -n 30 says why",
        ),
        ({"ActiveState": "inactive"}, "bad", "it does not run (inactive)", "systemctl start nemo-watchdog"),
        (
            {"UnitFileState": "disabled"},
            "warning",
            "it does not start with the machine (not enabled)",
            "systemctl enable nemo-watchdog",
        ),
        (
            {"NeedDaemonReload": "yes"},
            "warning",
            "its file has changed since systemd read it",
            "systemctl daemon-reload && systemctl restart nemo-watchdog",
        ),
        (
            {"LimitNOFILE": "1024"},
            "warning",
            "it may open 1024 files: with many dependencies its looks go blind",
            "LimitNOFILE=65536 (systemctl edit nemo-watchdog)",
        ),
        (
            {"WatchdogUSec": "0"},
            "warning",
            "a daemon that is stuck is not started again: WatchdogSec is off",
            "WatchdogSec=30 (systemctl edit nemo-watchdog)",
        ),
        ({"LoadState": "masked"}, "bad", "it is masked, and never starts", "systemctl unmask nemo-watchdog"),
        (
            {"LoadState": "not-found"},
            "warning",
            "it is not installed",
            "nemo-watchdog install, or run the daemon by other means that start it again",
        ),
        (
            {"LoadState": "bad-setting"},
            "warning",
            "systemd cannot load it (bad-setting)",
            "nemo-watchdog install, or run the daemon by other means that start it again",
        ),
        ({"FragmentPath": "/nowhere"}, "skipped", "its file cannot be read", "run it with sudo"),
    ],
    ids=lambda value: str(next(iter(value.items()))) if isinstance(value, dict) else "",
)
async def test_each_trouble_has_its_remedy(
    tmp_path: Path, told_by: dict[str, str], grade: str, seen: str, remedy: str
) -> None:
    assert await look(tmp_path, **told_by) == [(grade, seen, remedy)]


async def test_another_file_than_the_one_of_this_version(tmp_path: Path) -> None:
    """With the names of what differs, added and missing ones too."""
    text = text_of(Example.UNIT).replace("RestartSec=5", "RestartSec=50\nNice=5").replace("UMask=0077\n", "")
    assert await look(tmp_path, text) == [
        (
            "warning",
            "its file is not that of this version: Nice, RestartSec and UMask differ",
            "own changes belong in systemctl edit nemo-watchdog; then nemo-watchdog install writes the file anew",
        )
    ]


async def test_an_installation_that_is_not_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: Example) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(unit, "text_of", gone)
    seen = "the file of this version is not in this installation"
    assert await look(tmp_path) == [("warning", seen, "install the program anew")]


async def test_without_systemd_there_is_nothing_to_ask(tmp_path: Path) -> None:
    assert told(await all_of(unit.look_at_unit(tmp_path / "gone"))) == [
        ("unit", "skipped", "systemd does not run here", "")
    ]


async def test_systemd_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails, it is not there, or it hangs."""
    silent = [("bad", "systemctl does not tell about it", "systemctl status nemo-watchdog")]
    assert await look_with(tmp_path, "exit 1") == silent
    assert [each[1:] for each in told(await all_of(unit.look_at_unit(tmp_path, "/nowhere/systemctl")))] == silent
    monkeypatch.setattr(unit, "WITHIN", 0.1)
    assert await look_with(tmp_path, "exec sleep 600") == silent
