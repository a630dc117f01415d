"""Other people's probes and actions: imported when they are used, and never able to take us down."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest

from nemo_watchdog.actions.catalog import ACTIONS
from nemo_watchdog.errors import PluginError, PolicyError
from nemo_watchdog.model import ActionOutcome, ActionRequest, ActionResult, Reason, Target
from nemo_watchdog.plugins import Installed, catalog_of
from nemo_watchdog.policy.loader import parse_policy
from nemo_watchdog.policy.policy import ALLOWANCE, ActionStep, Policy
from nemo_watchdog.policy.schema import json_schema
from nemo_watchdog.ports import ActionContext, ProbeContext
from nemo_watchdog.probes import PROBES
from nemo_watchdog.testing import FakeContainers, ManualClock
from tests.unit.plugin_packages import action, install, install_example, probe

READ = "from nemo_watchdog.plugins import Kind\nfrom nemo_watchdog.probes.shared.options import ProbeOptions\n"
ODD = f"{READ}class Options(ProbeOptions):\n    x: int = 1\n"
CONTEXT = ProbeContext("it", 1.0, 10.0)


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Installed]]:
    """The catalog of what has been installed into `tmp_path`."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield lambda: catalog_of(distributions(path=[str(tmp_path)]))
    for name in set(sys.modules) - before:
        del sys.modules[name]


def parse(catalog: Installed, probe: str, options: str = "") -> Policy:
    text = f"version: 1\nautonomy: observe\ndependencies:\n  it:\n    probe: {probe}\n{options}"
    return parse_policy(text, "policy.yaml", catalog, environ={})


def test_an_entry_point_is_a_probe(catalog: Callable[[], Installed], tmp_path: Path) -> None:
    """It stands beside our own, and a policy gives it its options."""
    install_example(tmp_path)
    found = catalog()
    assert set(found.probes) == {*PROBES, "file-age"}
    assert found.warnings == ()
    dependency = parse(found, "file-age", "    path: /tmp/it\n    at_most: 2m\n").dependencies["it"]
    assert dependency.options.at_most == 120.0


def test_nothing_is_imported_before_a_policy_names_it(catalog: Callable[[], Installed], tmp_path: Path) -> None:
    """A plugin that nobody uses costs its metadata, however its code is."""
    install(tmp_path, "lazy", probe("lazy", "lazy_plugin:KIND"), {"lazy_plugin": "raise SystemExit('imported')"})
    found = catalog()
    assert "lazy" in found.probes
    parse(found, "tcp", "    address: 127.0.0.1:1\n")
    assert "lazy_plugin" not in sys.modules


@pytest.mark.parametrize(
    ("value", "code", "said"),
    [
        ("odd:KIND", "raise RuntimeError('no such driver')", "cannot be loaded: RuntimeError: no such driver"),
        ("odd:KIND", "raise SystemExit(3)", "cannot be loaded: SystemExit: 3"),
        ("odd:KIND", "", "cannot be loaded: AttributeError"),
        ("nothing.there:KIND", "", "cannot be loaded: ModuleNotFoundError: No module named 'nothing'"),
        ("odd:KIND", "KIND = 3", "`odd:KIND` needs `options`, a pydantic model, and `make`"),
        ("odd:KIND", "class KIND:\n    options = dict\n    make = dict", "needs `options`, a pydantic model"),
        (
            "odd:KIND",
            f"{READ}class Options(ProbeOptions):\n    timeout: int = 1\nKIND = Kind(Options, dict)",
            "option `timeout` has the name of a key that every dependency has",
        ),
    ],
)
def test_a_plugin_that_cannot_be_used_is_a_mistake_of_the_policy_that_uses_it(
    catalog: Callable[[], Installed], tmp_path: Path, value: str, code: str, said: str
) -> None:
    """At the place of its name, with the distribution and what is wrong; another policy is not touched."""
    install(tmp_path, "odd-plugin", probe("odd", value), {"odd": code})
    found = catalog()
    parse(found, "tcp", "    address: 127.0.0.1:1\n")
    with pytest.raises(PolicyError) as caught:
        parse(found, "odd")
    (problem,) = caught.value.problems
    assert (problem.line, problem.path) == (5, "dependencies.it.probe")
    assert problem.message.startswith("the plugin odd-plugin offers the probe `odd`")
    assert said in problem.message


def test_a_failed_import_is_tried_again(catalog: Callable[[], Installed], tmp_path: Path) -> None:
    """Whoever repairs the plugin can reload the policy."""
    install(tmp_path, "odd-plugin", probe("odd", "odd:KIND"), {"odd": "raise OSError"})
    found = catalog()
    with pytest.raises(PluginError):
        _ = found.probes["odd"].options
    (tmp_path / "odd.py").write_text(f"{ODD}KIND = Kind(Options, dict)  # repaired", encoding="utf-8")
    assert set(found.probes["odd"].options.model_fields) == {"x"}


def test_our_own_probe_keeps_its_name(catalog: Callable[[], Installed], tmp_path: Path) -> None:
    """A package that claims it is warned about and not imported."""
    install(tmp_path, "thief", probe("tcp", "thief_code:KIND"), {"thief_code": "raise SystemExit"})
    found = catalog()
    assert found.probes["tcp"] is PROBES["tcp"]
    assert len(found.warnings) == 1
    assert "the plugin thief offers the probe `tcp`" in found.warnings[0]
    assert parse(found, "tcp", "    address: 127.0.0.1:1\n")
    assert "thief_code" not in sys.modules


def test_a_name_that_two_offer_is_nobodys(catalog: Callable[[], Installed], tmp_path: Path) -> None:
    """A warning, and a mistake of the policy that uses it: both distributions are named."""
    for name in ("one", "two", "three"):
        install(tmp_path, name, probe("odd", f"{name}:KIND"), {name: "raise SystemExit"})
    found = catalog()
    assert found.warnings
    with pytest.raises(PolicyError) as caught:
        parse(found, "odd")
    (problem,) = caught.value.problems
    assert all(f"the plugin {name} " in problem.message for name in ("one", "two", "three"))
    assert "only one of them may be installed" in problem.message


def test_a_name_that_no_policy_can_write_is_told(catalog: Callable[[], Installed], tmp_path: Path) -> None:
    """It would also break the schema."""
    install(tmp_path, "odd-plugin", probe("Odd/Name", "odd:KIND"))
    found = catalog()
    assert set(found.probes) == set(PROBES)
    assert "odd-plugin" in found.warnings[0]
    assert "a name is 1 to 63" in found.warnings[0]


def test_broken_metadata_hides_no_other_plugin(catalog: Callable[[], Installed], tmp_path: Path) -> None:
    """One package whose files are damaged is a warning that says where it is."""
    install(tmp_path, "broken", "[nemo_watchdog.probes]\nthis is no entry\n")
    install_example(tmp_path)
    found = catalog()
    assert "file-age" in found.probes
    assert "broken-1.0.0.dist-info" in found.warnings[0]


def test_the_first_on_the_path_hides_the_same_distribution(tmp_path: Path) -> None:
    """As for imports: no name is contested by two copies of one package."""
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        install_example(folder)
    found = catalog_of(distributions(path=[str(folder) for folder in folders]))
    assert found.warnings == ()


async def test_a_probe_that_cannot_be_made_says_so_at_every_look(
    catalog: Callable[[], Installed], tmp_path: Path
) -> None:
    """The daemon goes on with everything else, and no word of the exception gets out."""
    code = f"{ODD}def make(options, context):\n    raise KeyError('hunter2')\nKIND = Kind(Options, make)"
    install(tmp_path, "odd-plugin", probe("odd", "odd:KIND"), {"odd": code})
    kind = catalog().probes["odd"]
    made = kind.make(kind.options(), CONTEXT)
    finding = await made.look()
    await made.close()
    assert finding.reason is Reason.PROBE_BUG
    assert finding.detail == "the plugin odd-plugin raised KeyError when it made the probe"


def test_options_that_cannot_be_checked_are_a_problem(catalog: Callable[[], Installed], tmp_path: Path) -> None:
    """A validator with a bug is told at the dependency that uses it."""
    code = (
        f"from pydantic import field_validator\n{ODD}    @field_validator('x')\n    @classmethod\n"
        "    def checked(cls, x):\n        raise KeyError('hunter2')\nKIND = Kind(Options, dict)"
    )
    install(tmp_path, "odd-plugin", probe("odd", "odd:KIND"), {"odd": code})
    with pytest.raises(PolicyError, match="a bug in the probe: KeyError") as caught:
        parse(catalog(), "odd", "    x: 2\n")
    assert "hunter2" not in str(caught.value)


def test_usable_leaves_out_what_cannot_be_had(catalog: Callable[[], Installed], tmp_path: Path) -> None:
    """For the schema: the others are there, with a word about what is not."""
    install(tmp_path, "odd-plugin", probe("odd", "odd:KIND"), {"odd": "raise OSError"})
    install_example(tmp_path)
    good, wrong = catalog().usable()
    assert set(good.probes) == {*PROBES, "file-age"}
    assert len(wrong) == 1
    assert "odd-plugin" in wrong[0]


# -- actions: the same guarantees, by the same code

ACTION = (
    "from nemo_watchdog.actions.options import ActionOptions\n"
    "from nemo_watchdog.model import Category\n"
    "from nemo_watchdog.ports import ActionKind\n"
    "class Options(ActionOptions):\n    x: int = 1\n"
    "class Bare(ActionOptions):\n    timeout: int = 1\n"
    "def target(options, subject):\n    return 'it'\n"
)
KIND = "ActionKind(options=Options, make=dict, target_kind='file', target=target"


def parse_step(catalog: Installed, do: str, options: str = "") -> Policy:
    text = (
        "version: 1\ndependencies:\n  it: {probe: tcp, address: 127.0.0.1:1, remedy: r}\n"
        f"remedies:\n  r:\n    budget: 1 per 1h\n    steps:\n      - do: {do}\n{options}"
    )
    return parse_policy(text, "policy.yaml", catalog, environ={})


def test_an_entry_point_is_an_action(catalog: Callable[[], Installed], tmp_path: Path) -> None:
    """It stands beside our own, and a policy gives it its options; what no policy names is not imported."""
    install_example(tmp_path)
    install(tmp_path, "lazy", action("lazy.act", "lazy_plugin:KIND"), {"lazy_plugin": "raise SystemExit('imported')"})
    found = catalog()
    assert set(found.actions) == {*ACTIONS, "touch.file", "lazy.act"}
    assert found.warnings == ()
    (step,) = parse_step(found, "touch.file", "        path: /srv/flag\n").remedies["r"].steps
    assert isinstance(step, ActionStep)
    assert (step.options.path, step.target_kind, step.timeout) == (Path("/srv/flag"), "file", ALLOWANCE)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise RuntimeError('no such driver')", "cannot be loaded: RuntimeError: no such driver"),
        ("KIND = 3", "which is none: `odd:KIND` must be an `ActionKind`"),
        ("KIND = ActionKind()", "cannot be loaded: TypeError"),
        (f"KIND = {KIND.replace('Options', 'dict')})", "whose `options` are no pydantic model"),
        (f"KIND = {KIND.replace('Options', 'Bare')})", "option `timeout` has the name of a key that every step has"),
        (f"KIND = {KIND}, needs=('contaner',))", "which needs `contaner`, and no dependency has such a key"),
        (f"KIND = {KIND}, helps=frozenset(Category))", "without `blind`: what cannot be seen cannot be mended"),
        (f"KIND = {KIND}, helps=frozenset())", "whose `helps` must be categories"),
        (f"KIND = {KIND.replace('file', 'a file')})", "whose `target_kind` must be one word"),
        (f"KIND = {KIND}, may_take=3)", "`unpauses_after` and `proves_after` must be functions"),
        (f"KIND = {KIND}, may_take=lambda options: 1 / 0)", "a bug in the action: ZeroDivisionError"),
        (f"KIND = {KIND}, may_take=lambda options: -1.0)", "a bug in the action: ValueError"),
    ],
)
def test_an_action_that_cannot_be_used_is_a_mistake_of_the_policy_that_uses_it(
    catalog: Callable[[], Installed], tmp_path: Path, code: str, said: str
) -> None:
    """At the place of its name; a policy that does not name it does not notice."""
    install(tmp_path, "odd-plugin", action("odd.act", "odd:KIND"), {"odd": ACTION + code})
    found = catalog()
    parse(found, "tcp", "    address: 127.0.0.1:1\n")
    with pytest.raises(PolicyError) as caught:
        parse_step(found, "odd.act")
    (problem,) = caught.value.problems
    assert (problem.line, problem.path) == (8, "remedies.r.steps[0].do")
    assert said in problem.message


@pytest.mark.parametrize("returned", ["1 / 0", "None", "''", "'two\\nlines'"])
def test_a_target_that_has_no_name_is_told_at_the_dependency(
    catalog: Callable[[], Installed], tmp_path: Path, returned: str
) -> None:
    """Which uses the remedy."""
    code = ACTION.replace("return 'it'", f"return {returned}") + f"KIND = {KIND})"
    install(tmp_path, "odd-plugin", action("odd.act", "odd:KIND"), {"odd": code})
    with pytest.raises(PolicyError, match=r"dependencies\.it\.remedy: .* a bug in the action"):
        parse_step(catalog(), "odd.act")


def test_offers_of_actions_that_cannot_be_had_are_warnings(catalog: Callable[[], Installed], tmp_path: Path) -> None:
    """Our own keeps its name, nobody takes `escalate`, two offers of one name are nobody's."""
    for name, entry in (("thief", "docker.restart"), ("caller", "escalate"), ("one", "odd.act"), ("two", "odd.act")):
        install(tmp_path, name, action(entry, f"{name}_code:KIND"), {f"{name}_code": "raise SystemExit"})
    found = catalog()
    assert set(found.actions) == {*ACTIONS, "odd.act"}
    assert found.actions["docker.restart"] is ACTIONS["docker.restart"]
    assert sorted(warning.split(" ")[2] for warning in found.warnings) == ["caller", "one", "thief"]
    assert parse_step(found, "escalate", "        to: team\ncontacts: {team: []}\n")
    with pytest.raises(PolicyError, match="only one of them may be installed"):
        parse_step(found, "odd.act")


async def test_an_action_that_cannot_be_made_is_refused(catalog: Callable[[], Installed], tmp_path: Path) -> None:
    """The daemon goes on, and no word of the exception gets out."""
    code = ACTION + "def make(context):\n    raise KeyError('hunter2')\n" + f"KIND = {KIND.replace('dict', 'make')})"
    install(tmp_path, "odd-plugin", action("odd.act", "odd:KIND"), {"odd": code})
    kind = catalog().actions["odd.act"]
    request = ActionRequest("i/it/1", "i", "it", "odd.act", Target("file", "it"))
    result = await kind.make(ActionContext(FakeContainers(ManualClock()))).run(request)
    said = "the plugin odd-plugin raised KeyError when it made the action"
    assert result == ActionResult(ActionOutcome.REFUSED, said)


def test_usable_leaves_out_actions_that_cannot_be_had(catalog: Callable[[], Installed], tmp_path: Path) -> None:
    """For the schema, which has the options of the others."""
    install(tmp_path, "odd-plugin", action("odd.act", "odd:KIND"), {"odd": "raise OSError"})
    install_example(tmp_path)
    good, wrong = catalog().usable()
    assert set(good.actions) == {*ACTIONS, "touch.file"}
    assert len(wrong) == 1
    step = json_schema(good)["$defs"]["step-touch.file"]
    assert step["properties"]["path"]["description"] == "The file."
    assert (step["required"], "attempts" in step["properties"]) == (["do", "path"], True)
