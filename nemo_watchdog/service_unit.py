"""What a systemd unit gives its service: variables, credentials, and whose files it may read. Reads files, asks nobody.

Of systemd.exec(5) it knows what concerns a policy. A unit's drop-ins count, specifiers are those of the system manager.
"""

from __future__ import annotations

import grp
import pwd
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nemo_watchdog.errors import NemoWatchdogError
from nemo_watchdog.policy.unit_names import OWN_UNIT
from nemo_watchdog.regular_file import read_regular

FOLDERS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
"""Where the system manager looks for units, the first that has it wins (systemd.unit(5))."""

LARGEST = 1024 * 1024
DYNAMIC_UID = 61184
"""The first that systemd gives to `DynamicUser=` (systemd.exec(5)): no file is its own."""

_SPECIFIERS = {"%S": "/var/lib", "%E": "/etc", "%C": "/var/cache", "%L": "/var/log", "%t": "/run", "%%": "%"}


class UnitError(NemoWatchdogError):
    """A unit that cannot be read."""


@dataclass(frozen=True, slots=True)
class ServiceUnit:
    """`credentials` are the files behind them, by name. `user` is empty for root and for a dynamic one."""

    path: Path
    environ: Mapping[str, str]
    credentials: Mapping[str, Path]
    user: str
    dynamic: bool
    groups: tuple[str, ...]
    private_tmp: bool
    group: str = ""
    """Its own, where the unit names one."""

    def may_read(self, path: str) -> bool:
        """Whether the service's user may, asked of the kernel; needs root."""
        return self._may(path, "-r")

    def may_use(self, socket: str) -> bool:
        """Whether the service's user may connect to it: for that one writes to it. Needs root."""
        return self._may(socket, "-w")

    def _may(self, path: str, how: str) -> bool:
        if self.private_tmp and path.startswith(("/tmp/", "/var/tmp/")):  # noqa: S108 - the service has its own there
            return False
        if not self.user and not self.dynamic:
            return Path(path).exists()
        uid, gid = (DYNAMIC_UID, DYNAMIC_UID) if self.dynamic else self._named()
        groups = list(self._gids())
        if self.group:
            gid = self._gid(self.group)
        asked = ["/usr/bin/test", how, path]
        done = subprocess.run(asked, user=uid, group=gid, extra_groups=groups, check=False)  # noqa: S603 - of no shell
        return done.returncode == 0

    def _named(self) -> tuple[int, int]:
        try:
            user = pwd.getpwnam(self.user)
        except KeyError:
            raise UnitError(f"{self.path} wants the user {self.user}, and there is none on this machine") from None
        return user.pw_uid, user.pw_gid

    def _gids(self) -> Iterator[int]:
        return map(self._gid, self.groups)

    def _gid(self, name: str) -> int:
        try:
            return grp.getgrnam(name).gr_gid
        except KeyError:
            raise UnitError(f"{self.path} wants the group {name}, and there is none on this machine") from None


def read_unit(name: str = OWN_UNIT, folders: tuple[str, ...] = FOLDERS) -> ServiceUnit:
    """Raises `UnitError`."""
    path = next((file for folder in folders if (file := Path(folder) / name).is_file()), None)
    if path is None:
        raise UnitError(f"there is no unit {name} in {', '.join(folders)}: install it first")
    dropins = {file.name: file for folder in reversed(folders) for file in Path(folder, f"{name}.d").glob("*.conf")}
    settings: dict[str, list[str]] = {}
    for file in (path, *(dropins[each] for each in sorted(dropins))):
        for key, value in _service_section(_text(file)):
            settings[key] = [*settings.get(key, ()), _specified(value, name)] if value else []
    environ = dict(pair for line in settings.get("Environment", ()) for pair in _pairs(line))
    for line in settings.get("EnvironmentFile", ()):
        environ |= _environment_file(line)
    loads = (line.partition(":") for line in settings.get("LoadCredential", ()))
    return ServiceUnit(
        path=path,
        environ=environ,
        credentials={credential: Path(file) for credential, _, file in loads if file.startswith("/")},
        user=_last(settings, "User"),
        dynamic=_is_true(_last(settings, "DynamicUser")),
        groups=tuple(group for line in settings.get("SupplementaryGroups", ()) for group in line.split()),
        private_tmp=_is_true(_last(settings, "PrivateTmp")) or _is_true(_last(settings, "DynamicUser")),
        group=_last(settings, "Group"),
    )


def _text(file: Path) -> str:
    try:
        return read_regular(file, LARGEST).decode("utf-8")
    except (OSError, ValueError) as error:
        raise UnitError(f"cannot read {file}: {getattr(error, 'strerror', '') or 'it is no text'}") from None


def _service_section(text: str) -> Iterator[tuple[str, str]]:
    section = ""
    for line in re.sub(r"\\\n", " ", text).splitlines():
        stripped = line.strip()
        if stripped.startswith("["):
            section = stripped
        elif section == "[Service]" and not stripped.startswith(("#", ";")) and "=" in stripped:
            key, _, value = stripped.partition("=")
            yield key.strip(), value.strip()


def _specified(value: str, name: str) -> str:
    known = _SPECIFIERS | {"%n": name, "%N": name.removesuffix(".service")}
    return re.sub(r"%.", lambda match: known.get(match[0], match[0]), value)


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    """`A=b "C=d e"`."""
    for word in shlex.split(line):
        key, _, value = word.partition("=")
        yield key, value


def _environment_file(line: str) -> dict[str, str]:
    """With a `-` before its name it may be missing. A value is the rest of the line, or what stands in quotes."""
    file = Path(line.removeprefix("-"))
    if line.startswith("-") and not file.exists():
        return {}
    variables = {}
    for each in re.sub(r"\\\n", "", _text(file)).splitlines():
        key, separator, value = each.strip().partition("=")
        if separator and not key.startswith(("#", ";")):
            variables[key.strip()] = _unquoted(value.strip())
    return variables


def _unquoted(value: str) -> str:
    if value[:1] not in ("'", '"'):
        return value
    try:
        return shlex.split(value)[0]
    except ValueError:  # a quote without its end
        return value


def _last(settings: Mapping[str, list[str]], key: str) -> str:
    return (settings.get(key) or [""])[-1]


def _is_true(value: str) -> bool:
    return value.lower() in {"1", "yes", "y", "true", "t", "on"}
