"""Rules about collections that a training is planned for."""

from __future__ import annotations

from swinx.rules.rule import Rule, Rules

__all__ = ["PlanningRules"]

_PLAN = "swinx data plan"


class PlanningRules(Rules):
    """Collections."""

    NO_CASES = Rule(
        "refused", _PLAN, "{path}: none of {count} labelled cases can be used; swinx data check {path} names the faults"
    )
    LEFT_OUT = Rule("warned", _PLAN, "{case}: left out of the plan: {reason}")
    NO_HEADER = Rule("refused", f"{_PLAN}, cases", "its header cannot be read: {detail}")
    NO_CLASS = Rule("refused", _PLAN, "{path}: no voxel of a class in {count} cases; check --labels and the label maps")
    OPTION = Rule("refused", _PLAN, "--{name} is {value}; give {wanted}")
