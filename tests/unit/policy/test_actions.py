"""What a policy may say about actions: what they act on, need and help with, and how long they take."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from nemo_watchdog.actions.catalog import ACTIONS
from nemo_watchdog.errors import PluginError, PolicyError
from nemo_watchdog.model import ActionOutcome, ActionRequest, ActionResult, Category, Target
from nemo_watchdog.policy.condition import Bound, Condition, StepCondition
from nemo_watchdog.policy.policy import ActionStep, Policy
from nemo_watchdog.policy.units import Duration
from nemo_watchdog.ports import Action, ActionContext, ActionKind, Subject
from tests.unit.policy.fakes import Options, parse


class FileOptions(Options):
    path: str
    wait: Duration = 0.0


class NoOptions(Options):
    """Nothing to say."""


class Nothing:
    def __init__(self, context: ActionContext) -> None:
        pass

    async def run(self, request: ActionRequest) -> ActionResult:
        return ActionResult(ActionOutcome.REFUSED, "policies are read here, and nothing is ever done")


def kind(options: type[BaseModel] = NoOptions, *helps: Category, needs: tuple[str, ...] = ()) -> ActionKind:
    def target(options: FileOptions, subject: Subject) -> str:
        return getattr(options, "path", subject.container or subject.dependency)

    def wait(options: FileOptions) -> float:
        return getattr(options, "wait", 0.0)

    make: type[Action] = Nothing
    return ActionKind(
        options=options,
        make=make,
        target_kind="file" if options is FileOptions else "job",
        target=target,
        needs=needs,
        helps=frozenset(helps or (Category.FAULT,)),
        may_take=wait,
    )


KINDS = {
    **ACTIONS,
    "file.touch": kind(FileOptions),
    "job.restart": kind(),
    "queue.shed": kind(NoOptions, Category.BUSY, Category.FAULT),
    "queue.drain": kind(NoOptions, Category.BUSY),
    "tagged.act": kind(NoOptions, needs=("tags",)),
}
HEAD = "version: 1\ncontacts: {team: []}\ndependencies:\n"


def policy(steps: str, *dependencies: str, when: str = "", kinds: Mapping[str, ActionKind] | None = None) -> Policy:
    extra = f", when: {when}" if when else ""
    lines = "".join(f"  {name}: {{probe: host, remedy: r{more}}}\n" for name, _, more in map(split, dependencies))
    return parse(
        f"{HEAD}{lines}remedies: {{r: {{steps: [{steps}], budget: 1 per 1h{extra}}}}}\n",
        KINDS if kinds is None else kinds,
    )


def split(dependency: str) -> tuple[str, str, str]:
    name, space, more = dependency.partition(" ")
    return name, space, f", {more}" if more else ""


def problem(steps: str, *dependencies: str, when: str = "", kinds: Mapping[str, ActionKind] | None = None) -> str:
    with pytest.raises(PolicyError) as caught:
        policy(steps, *dependencies, when=when, kinds=kinds)
    (found,) = caught.value.problems
    return f"{found.path}: {found.message}"


def test_a_step_acts_on_what_its_kind_names() -> None:
    """A file of its options, or something of the dependency; each step has its own."""
    plan = policy("{do: file.touch, path: /a}, {do: job.restart}, {do: file.touch, path: /b}", "x", "y")
    assert plan.dependencies["y"].targets == {
        "file.touch": Target("file", "/a"),
        "job.restart": Target("job", "y"),
        "file.touch#2": Target("file", "/b"),
    }
    assert plan.dependencies["x"].targets["job.restart"] == Target("job", "x")


def test_a_dependency_has_what_an_action_needs() -> None:
    """Told once for each key, at the remedy that it uses."""
    assert policy("{do: tagged.act}", "x tags: [a]").dependencies["x"].targets
    said = "dependencies.x.remedy: this remedy does tagged.act, and the dependency names no tags: give its `tags`"
    assert problem("{do: tagged.act}", "x") == said
    assert problem("{do: tagged.act}, {do: tagged.act}", "x") == said


def test_two_remedies_do_not_share_a_target() -> None:
    """Whatever kind of target it is."""
    steps = "steps: [{do: file.touch, path: /a}], budget: 1 per 1h"
    dependencies = "  x: {probe: host, remedy: r}\n  y: {probe: host, remedy: s}\n"
    with pytest.raises(PolicyError, match=r"dependencies\.y\.remedy: `x` has the same file with another remedy"):
        parse(f"{HEAD}{dependencies}remedies: {{r: {{{steps}}}, s: {{{steps}}}}}\n", KINDS)


@pytest.mark.parametrize(
    ("steps", "when", "means"),
    [
        ("{do: docker.restart}", "", {"fault"}),
        ("{do: queue.shed}", "", {"fault"}),
        ("{do: queue.drain}", "", {"busy"}),
        ("{do: queue.shed}", "{category: [busy, fault]}", {"busy", "fault"}),
        ("{do: queue.shed}", "{reason: [slow, timeout]}", {"busy", "fault"}),
        ("{do: queue.shed, when: {category: busy}}", "", {"busy"}),
        ("{do: queue.shed}, {do: queue.drain}", "", {"busy", "fault"}),
        ("{do: escalate, to: team}", "", {"fault"}),
        ("{do: escalate, to: team}", "{category: [integrity, busy]}", {"integrity", "busy"}),
    ],
)
def test_a_remedy_is_for_what_its_actions_help_with(steps: str, when: str, means: set[str]) -> None:
    """Left out it is for a fault, where they help with one; a person can be told of whatever is seen."""
    remedy = policy(steps, "x container: c", when=when).remedies["r"]
    assert remedy.when.category == means
    assert remedy.when == Condition(category=remedy.when.category, reason=remedy.when.reason)
    acting = [step.helps for step in remedy.steps if isinstance(step, ActionStep)]
    assert not acting or frozenset().union(*acting) >= remedy.when.category


def test_each_step_is_for_what_it_helps_with() -> None:
    """Of a remedy for two kinds of failure a step is not in the way of the other kind."""
    steps = "{do: queue.shed}, {do: queue.drain}, {do: job.restart, when: {reason: refused}}"
    remedy = policy(steps, "x").remedies["r"]
    fault, busy = frozenset({Category.FAULT}), frozenset({Category.BUSY})
    assert [(step.helps, step.when) for step in remedy.steps if isinstance(step, ActionStep)] == [
        (fault, StepCondition(category=fault)),
        (busy, StepCondition(category=busy)),
        (fault, StepCondition(frozenset({"refused"}), fault)),
    ]


def test_steps_for_the_same_are_for_all_of_it() -> None:
    """Nothing is skipped for its category where that cannot be."""
    (step,) = policy("{do: queue.shed}", "x", when="{category: [busy, fault]}").remedies["r"].steps
    assert isinstance(step, ActionStep)
    assert step.helps == {Category.BUSY, Category.FAULT}
    assert step.when == StepCondition()


@pytest.mark.parametrize(
    ("steps", "when", "said"),
    [
        (
            "{do: job.restart}, {do: file.touch, path: /a}",
            "{category: busy}",
            "when.category: job.restart does not help when the category is `busy`: only `fault` may be remedied",
        ),
        (
            "{do: queue.shed}",
            "{category: integrity}",
            "queue.shed does not help when the category is `integrity`: only `busy` or `fault` may be remedied",
        ),
        (
            "{do: queue.shed}",
            "{reason: probe_bug}",
            "when.reason: queue.shed does not help when the reason is `probe_bug`",
        ),
        (
            "{do: escalate, to: team}",
            "{category: blind}",
            "there is nothing to tell when the category is `blind`: only `busy`, `fault` or `integrity` may be",
        ),
        (
            "{do: queue.drain, when: {category: fault}}",
            "",
            "steps[0].when.category: queue.drain does not help when the category is `fault`: only `busy` may be",
        ),
    ],
)
def test_what_no_action_helps_with_is_no_reason_to_act(steps: str, when: str, said: str) -> None:
    """A remedy that is for it would never do anything."""
    assert said in problem(steps, "x", when=when)


def test_a_step_may_be_for_some_troubles_only() -> None:
    steps = "{do: job.restart, when: {reason: [timeout, refused]}}, {do: job.restart, when: {category: fault}}"
    first, second = policy(steps, "x").remedies["r"].steps
    assert isinstance(first, ActionStep)
    assert isinstance(second, ActionStep)
    assert first.when == StepCondition(reason=frozenset({"timeout", "refused"}))
    assert second.when == StepCondition(category=frozenset({Category.FAULT}))
    assert first.is_for_some


def test_a_step_may_be_for_what_it_has_helped_so_often() -> None:
    (step,) = policy("{do: job.restart, when: {helped: '< 2'}}", "x").remedies["r"].steps
    assert isinstance(step, ActionStep)
    assert step.when == StepCondition(helped=Bound("<", 2.0, "< 2"))
    assert step.is_for_some


@pytest.mark.parametrize("times", ["2", "'< 2.5'", "'< 50%'", "'less than 2'", "'< -1'", "'< 0'", "[]"])
def test_what_is_no_number_of_times_is_a_mistake(times: str) -> None:
    said = problem(f"{{do: job.restart, when: {{helped: {times}}}}}", "x")
    assert said.startswith("remedies.r.steps[0].when.helped: expected a comparison with a number of times, in quotes")


def test_a_remedy_may_skip_what_was_useless_so_often() -> None:
    """Each step of it; one that says nothing skips none."""
    steps = "{do: job.restart}, {do: file.touch, path: /a}"
    often, never = (policy(steps, "x", when=f"{{category: fault}}{more}") for more in (", skip_after_useless: 3", ""))
    both = (*often.remedies["r"].steps, *never.remedies["r"].steps)
    assert [step.skip_after_useless for step in both if isinstance(step, ActionStep)] == [3, 3, 0, 0]
    said = problem(steps, "x", when="{category: fault}, skip_after_useless: 101")
    assert said.startswith("remedies.r.skip_after_useless: ")


def test_a_step_may_go_back_to_an_image_that_has_proven_itself() -> None:
    """For how long it must have served is the engine's business, and only such a step has one."""
    steps = "{do: docker.rollback, proven_for: 30m}, {do: docker.rollback}, {do: docker.recreate}"
    three = policy(steps, "x container: c-x").remedies["r"].steps
    assert [s.proves_after for s in three if isinstance(s, ActionStep)] == [1800.0, 600.0, None]
    assert [s.is_for_some for s in three if isinstance(s, ActionStep)] == [True, True, False]


@pytest.mark.parametrize("proven_for", ["59s", "8d"])
def test_a_time_that_proves_nothing_is_a_mistake(proven_for: str) -> None:
    said = problem(f"{{do: docker.rollback, proven_for: {proven_for}}}", "x container: c-x")
    assert said.startswith("remedies.r.steps[0].proven_for: ")


def test_steps_are_known_by_what_they_are_given() -> None:
    """The same options are the same remedy, wherever the step stands; others are another one."""
    steps = "{do: file.touch, path: /a}, {do: file.touch, path: /b}, {do: file.touch, path: /a, attempts: 2}"
    first, other, again = (s.digest for s in policy(steps, "x").remedies["r"].steps if isinstance(s, ActionStep))
    assert first == again != other


def test_a_step_that_is_for_what_its_action_cannot_mend_is_a_mistake() -> None:
    """It would never be taken."""
    said = problem("{do: job.restart, when: {reason: loading}}", "x")
    assert said.startswith("remedies.r.steps[0].when.reason: job.restart does not help when the reason is `loading`")


def test_a_call_takes_as_long_as_its_options_say_and_a_minute() -> None:
    """Unless the policy says otherwise, and never less than the options give it by themselves."""
    steps = "{do: file.touch, path: /a}, {do: file.touch, path: /a, wait: 2m}, {do: file.touch, path: /a, timeout: 5s}"
    remedy = policy(steps, "x").remedies["r"]
    assert [step.timeout for step in remedy.steps if isinstance(step, ActionStep)] == [60, 180, 5]
    short = "{do: file.touch, path: /a, wait: 2m, timeout: 2m}"
    assert problem(short, "x").startswith("remedies.r.steps[0].timeout: must be longer than the 2m that file.touch may")


BUG = "a bug in the action: ValueError"


@pytest.mark.parametrize("may_take", [-1.0, math.inf, math.nan])
def test_an_action_that_does_not_say_how_long_it_may_take_is_a_bug_of_it(may_take: float) -> None:
    """Nobody could wait for it."""
    kinds = {"odd.act": replace(kind(), may_take=lambda _: may_take)}
    assert BUG in problem("{do: odd.act}", "x", kinds=kinds)
    assert problem("{do: odd.act}", "x", kinds=kinds).startswith("remedies.r.steps[0].do: its options cannot be")


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 4097, None, 5])
def test_an_action_that_names_no_target_is_a_bug_of_it(name: Any) -> None:
    """What it acts on is told to people, and counted by."""
    kinds = {"odd.act": replace(kind(), target=lambda _, __: name)}
    assert BUG in problem("{do: odd.act}", "x", kinds=kinds)


def test_a_long_name_of_a_target_is_one() -> None:
    """As long as a path may be."""
    kinds = {"odd.act": replace(kind(), target=lambda _, __: "x" * 4096)}
    assert policy("{do: odd.act}", "x", kinds=kinds).dependencies["x"].targets["odd.act"].name == "x" * 4096


class Broken(Mapping[str, ActionKind]):
    """The package of an action is installed and cannot be imported."""

    def __getitem__(self, name: str) -> ActionKind:
        raise PluginError(f"{name}: it needs a library that is not there")

    def __contains__(self, name: object) -> bool:
        return name == "odd.act"

    def __iter__(self) -> Iterator[str]:
        return iter(("odd.act",))

    def __len__(self) -> int:
        return 1


def test_what_is_wrong_with_a_plugin_is_told_where_it_is_named() -> None:
    """Also when it says so only as it is asked."""
    said = "remedies.r.steps[0].do: odd.act: it needs a library that is not there"
    assert problem("{do: odd.act}", "x", kinds=Broken()) == said

    def refuse(_: object) -> float:
        raise PluginError("it needs a library that is not there")

    kinds = {"odd.act": replace(kind(), may_take=refuse)}
    assert problem("{do: odd.act}", "x", kinds=kinds) == said.replace("odd.act: ", "")


def test_two_remedies_do_not_share_a_container_though_neither_acts_on_it() -> None:
    """What is done for one is done to the other; what has none shares none. A mistake before hides nothing."""
    remedies = ", ".join(f"{name}: {{steps: [{{do: file.touch, path: /{name}}}], budget: 1 per 1h}}" for name in "rs")

    def problems_of(container: str) -> list[str]:
        dependencies = f"  x: {{probe: host, remedy: r{container}}}\n  y: {{probe: host, remedy: s{container}}}\n"
        with pytest.raises(PolicyError) as caught:
            parse(f"{HEAD}  bad: {{probe: host, autonomy: 1}}\n{dependencies}remedies: {{{remedies}}}\n", KINDS)
        return [found.path for found in caught.value.problems]

    assert problems_of(", container: c") == ["dependencies.bad.autonomy", "dependencies.y.remedy"]
    assert problems_of("") == ["dependencies.bad.autonomy"]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{do: file.touch}", "remedies.r.steps[0].path: missing: this key is required"),
        ("{do: file.touch, pth: /a}", "remedies.r.steps[0].pth: unknown key: did you mean `path`?"),
        ("{do: file.touch, path: /a, atempts: 2}", "steps[0].atempts: unknown key: did you mean `attempts`?"),
        ("{do: file.touch, path: /a, attempts: 0}", "steps[0].attempts: expected a number from 1 to 100, got `0`"),
        ("{do: file.tuch, path: /a}", "steps[0].do: there is no action `file.tuch`: did you mean `file.touch`?"),
        ("{do: escalat, to: team}", "steps[0].do: there is no action `escalat`: did you mean `escalate`?"),
        ("{do: 3}", "steps[0].do: expected text, got a number"),
        (
            "{path: /a}",
            f"steps[0].do: missing: say what the step does, one of {', '.join(sorted([*KINDS, 'escalate']))}",
        ),
        ("file.touch", "steps[0]: a step is a mapping of keys to values: write `{do: file.touch}`"),
        ("touch.file", "steps[0]: expected a mapping of keys to values, got a text of 10 characters"),
        ("{do: escalate, too: team}", "steps[0].too: unknown key: did you mean `to`?"),
    ],
)
def test_a_mistake_in_a_step_is_told_at_its_place(step: str, said: str) -> None:
    """One mistake, one message, as for the options of a probe."""
    assert said in problem(step, "x")


def test_a_mistake_beside_the_steps_hides_none_in_them() -> None:
    """Each step is read by itself."""
    with pytest.raises(PolicyError) as caught:
        parse(
            f"{HEAD}  x: {{probe: host}}\nremedies: {{r: {{steps: [{{do: a}}, {{do: job.restart, b: 1}}]}}}}\n", KINDS
        )
    paths = [found.path for found in caught.value.problems]
    assert sorted(paths) == ["remedies.r.budget", "remedies.r.steps[0].do", "remedies.r.steps[1].b"]
