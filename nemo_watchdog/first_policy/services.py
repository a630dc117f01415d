"""Containers and the Compose files that made them: who depends on whom, and which services have no container yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from nemo_watchdog.first_policy.compose import ComposeError, ComposeFile, read_compose
from nemo_watchdog.first_policy.found import DEPENDS_ON, Found, depends_on_of

_FILES = "com.docker.compose.project.config_files"
_FOLDER = "com.docker.compose.project.working_dir"


def with_dependencies(found: Sequence[Found]) -> tuple[list[Found], list[str]]:
    """With `depends_on` of the file that a label names, where no label has it; what cannot be read is left as it is."""
    read: dict[Path, ComposeFile | None] = {}
    jobs = {(each.project, job) for each in found for job in depends_on_of(each.labels, jobs=True)}
    made = []
    for each in found:
        depends_on, is_job = list(each.depends_on), (each.project, each.service) in jobs
        for path in _files(each) if each.service and DEPENDS_ON not in each.labels else ():
            if path not in read:
                read[path] = _read(path)
            file = read[path]
            if file is not None and each.service in file.services:
                depends_on += file.services[each.service].depends_on
                is_job = is_job or file.services[each.service].is_job
        made.append(replace(each, depends_on=tuple(dict.fromkeys(depends_on)), is_job=is_job))
    return made, []


def of_file(path: Path, found: Sequence[Found], environ: Mapping[str, str]) -> tuple[list[Found], list[str]]:
    """Its services: their containers, or what the file says of those that have none. Raises `ComposeError`."""
    file = read_compose(path, environ)
    named = path.absolute().resolve()
    running = [
        each
        for each in found
        if each.service
        and (named in _files(each) or each.project == file.project)
        and (each.service in file.services or named in _files(each))
    ]
    project = next((each.project for each in running), file.project)
    made = []
    for each in running:
        service = file.services.get(each.service)
        told = () if service is None else service.depends_on
        needs = tuple(dict.fromkeys((*each.depends_on, *told)))
        made.append(replace(each, depends_on=needs, is_job=service is not None and service.is_job))
    there = {each.service for each in running if not each.is_one_off}
    for name, service in file.services.items():
        if name not in there:
            # beside containers of its project it is called and found as they are
            labels = {**service.labels, "com.docker.compose.project": project}
            networks = {_full_name(project, network): names for network, names in service.networks.items()}
            made.append(replace(service, labels=labels, networks={**service.networks, **networks}))
    return made, list(file.warnings)


def _full_name(project: str, network: str) -> str:
    return f"{project}_{network}"


def _files(found: Found) -> list[Path]:
    folder = Path(found.labels.get(_FOLDER) or "/")
    return [(folder / name).resolve() for name in found.labels.get(_FILES, "").split(",") if name]


def _read(path: Path) -> ComposeFile | None:
    try:
        return read_compose(path, {})
    except ComposeError:
        return None
