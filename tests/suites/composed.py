"""The demo platform as a Compose project: `docker-compose up` makes its containers, and a file says who needs whom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nemo_watchdog.demo.docker_cli import command
from nemo_watchdog.demo.images import IMAGE
from nemo_watchdog.demo.parts import Part
from nemo_watchdog.demo.platform import Platform
from tests.parts import need

NEEDS = {"gateway": ("postgres", "redis")}


class ComposedPlatform(Platform):
    """`file` is the Compose file. Nothing brings its containers back but the watchdog."""

    file: Path

    async def _start(self, kind: str) -> None:
        """All of them with the first."""
        if kind != next(iter(self.parts)):
            return
        for each in self.parts:
            self._reserve(each)
        self.file.write_text(json.dumps(self._project()), encoding="utf-8")
        await command(need("docker-compose"), "-p", self.prefix, "-f", str(self.file), "up", "-d")

    def _project(self) -> dict[str, Any]:
        return {
            "version": "2.4",
            "services": {kind: self._service(kind, part) for kind, part in self.parts.items()},
            "networks": {"all": {"external": True, "name": self._network}},
        }

    def _service(self, kind: str, part: Part) -> dict[str, Any]:
        others = {name: other for name, other in self.parts.items() if name != kind}
        return {
            **service_of(part, others),
            "container_name": self.name(kind),
            "labels": self._labels,
            "networks": {"all": {"aliases": [kind]}},
            "ports": [f"127.0.0.1:{self.port(kind)}:{part.inner_port}"],
            "depends_on": [name for name in NEEDS.get(kind, ()) if name in others],
        }


def service_of(part: Part, others: dict[str, Part]) -> dict[str, Any]:
    """The options of `docker run` in Compose's words."""
    options = part.options(others)
    pairs = list(zip(options[::2], options[1::2], strict=True))
    service: dict[str, Any] = {
        "image": IMAGE,
        "command": [_escaped(word) for word in part.command()],
        "environment": [_escaped(value) for option, value in pairs if option == "-e"],
        "volumes": ["/usr:/usr:ro", "/etc/alternatives:/etc/alternatives:ro"]
        + [value for option, value in pairs if option == "-v"],
    }
    if ("--user", "postgres") in pairs:
        service |= {"user": "postgres", "stop_signal": "SIGINT"}
    return service


def _escaped(text: str) -> str:
    """Compose reads `$` as the beginning of a variable."""
    return text.replace("$", "$$")
