"""What may stand at `suggestions`: how long a proposal waits for an answer, and how long a rejection holds."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from nemo_watchdog.policy.fields import DAY, MINUTE, Section
from nemo_watchdog.policy.policy import Suggestions
from nemo_watchdog.policy.units import Duration, duration_within

_SUGGESTIONS = Suggestions()

LONGEST_REJECTION = 7 * DAY


class SuggestionsSection(Section):
    """What a person is asked to allow, where `autonomy` is `suggest`."""

    expire: Annotated[Duration, AfterValidator(duration_within(MINUTE, DAY))] = Field(
        _SUGGESTIONS.expire, description="So long a proposal can be approved; then it is proposed anew."
    )
    reject_holds: Annotated[Duration, AfterValidator(duration_within(MINUTE, LONGEST_REJECTION))] = Field(
        _SUGGESTIONS.reject_holds,
        description="After a rejection that gives no time of its own, the same is not proposed again for so long.",
    )


def suggestions_of(section: SuggestionsSection | None) -> Suggestions:
    return _SUGGESTIONS if section is None else Suggestions(section.expire, section.reject_holds)
