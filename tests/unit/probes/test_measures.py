"""What `check` knows of measurements is what the pages and the sources of the probes have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nemo_watchdog.policy.condition import QUERY_VALUE
from nemo_watchdog.probes import PROBES
from nemo_watchdog.probes.measures import MEASURES

ROOT = Path(__file__).parents[3]


def test_every_probe_has_its_measurements() -> None:
    """An empty set is an answer."""
    assert set(MEASURES) == set(PROBES)


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_they_are_those_of_its_page(name: str) -> None:
    """In the paragraph that begins with that word, both ways."""
    page = (ROOT / "docs" / "probes" / f"{name}.md").read_text(encoding="utf-8")
    paragraphs = [text for text in page.split("\n\n") if re.match(r"Measurements?\b", text)]
    listed = {word for text in paragraphs for word in re.findall(r"`([a-z]+_[a-z_]+)`", text)} - {"max_connections"}
    options = {"max_memory", "max_cpu"}
    assert listed - options == MEASURES[name]


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_its_source_names_each(name: str) -> None:
    """Whole, or with the part that it fills in."""
    package = ROOT / "nemo_watchdog" / "probes"
    files = [*package.glob(f"{name}.py"), *(package / name).glob("*.py")]
    source = "\n".join(path.read_text(encoding="utf-8") for path in files)
    filled_in = re.sub(r"\{resource\}", "(cpu|memory|io)", "|".join(re.findall(r"host_\{resource\}_[a-z_]+", source)))
    for each in MEASURES[name]:
        assert each in source or (name, each) == ("prometheus", QUERY_VALUE) or re.fullmatch(filled_in, each)
