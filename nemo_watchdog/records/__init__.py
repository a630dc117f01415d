"""The facts that the journal keeps. The engine changes its durable state only by applying these.

Replaying them in order rebuilds that state, so a crash loses nothing that was written. A record carries no time
of its own: the journal stores the `Moment` beside it, and every duration in a record counts from that moment.
Fields are plain JSON values; names here are on disk and never change their meaning.
"""

from __future__ import annotations

from collections.abc import Mapping

from nemo_watchdog.records.declared import IncidentAcknowledged as IncidentAcknowledged
from nemo_watchdog.records.declared import IncidentDeclared as IncidentDeclared
from nemo_watchdog.records.declared import NoteAdded as NoteAdded
from nemo_watchdog.records.incidents import FlappingBegan as FlappingBegan
from nemo_watchdog.records.incidents import FlappingEnded as FlappingEnded
from nemo_watchdog.records.incidents import IncidentMerged as IncidentMerged
from nemo_watchdog.records.incidents import IncidentOpened as IncidentOpened
from nemo_watchdog.records.incidents import IncidentReopened as IncidentReopened
from nemo_watchdog.records.incidents import IncidentResolved as IncidentResolved
from nemo_watchdog.records.incidents import MemberDown as MemberDown
from nemo_watchdog.records.incidents import MemberJoined as MemberJoined
from nemo_watchdog.records.incidents import MemberRecovered as MemberRecovered
from nemo_watchdog.records.incidents import RootChanged as RootChanged
from nemo_watchdog.records.incidents import SeverityRaised as SeverityRaised
from nemo_watchdog.records.learned import ImageProven as ImageProven
from nemo_watchdog.records.learned import RemedyLearned as RemedyLearned
from nemo_watchdog.records.learned import StartLearned as StartLearned
from nemo_watchdog.records.pages import PeopleTold as PeopleTold
from nemo_watchdog.records.people import HoldPlaced as HoldPlaced
from nemo_watchdog.records.people import HoldReleased as HoldReleased
from nemo_watchdog.records.people import JournalAccepted as JournalAccepted
from nemo_watchdog.records.people import JournalDistrusted as JournalDistrusted
from nemo_watchdog.records.people import OncallSwapEnded as OncallSwapEnded
from nemo_watchdog.records.people import OncallSwapped as OncallSwapped
from nemo_watchdog.records.people import Paused as Paused
from nemo_watchdog.records.people import Resumed as Resumed
from nemo_watchdog.records.proposals import ActedByHand as ActedByHand
from nemo_watchdog.records.proposals import ProposalApproved as ProposalApproved
from nemo_watchdog.records.proposals import ProposalOver as ProposalOver
from nemo_watchdog.records.proposals import ProposalRejected as ProposalRejected
from nemo_watchdog.records.proposals import Proposed as Proposed
from nemo_watchdog.records.quiet import MaintenanceBegan as MaintenanceBegan
from nemo_watchdog.records.quiet import MaintenanceEnded as MaintenanceEnded
from nemo_watchdog.records.quiet import SilenceBegan as SilenceBegan
from nemo_watchdog.records.quiet import SilenceEnded as SilenceEnded
from nemo_watchdog.records.record import Record as Record
from nemo_watchdog.records.remedies import ActionEnded as ActionEnded
from nemo_watchdog.records.remedies import ActionIntended as ActionIntended
from nemo_watchdog.records.remedies import AttemptFailed as AttemptFailed
from nemo_watchdog.records.remedies import BackoffChanged as BackoffChanged
from nemo_watchdog.records.remedies import BusyTooLong as BusyTooLong
from nemo_watchdog.records.remedies import DecisionMade as DecisionMade
from nemo_watchdog.records.remedies import Escalated as Escalated
from nemo_watchdog.records.remedies import LadderRearmed as LadderRearmed
from nemo_watchdog.records.remedies import LadderShared as LadderShared
from nemo_watchdog.records.remedies import SparedTooLong as SparedTooLong
from nemo_watchdog.records.remedies import StepExhausted as StepExhausted
from nemo_watchdog.records.remedies import StepSkipped as StepSkipped
from nemo_watchdog.records.remedies import Suggested as Suggested
from nemo_watchdog.records.remedies import WorkAwaited as WorkAwaited
from nemo_watchdog.records.remedies import WorkOver as WorkOver
from nemo_watchdog.records.remedies import WorkTooLong as WorkTooLong
from nemo_watchdog.records.seen import EndedByItself as EndedByItself
from nemo_watchdog.records.seen import HealthChanged as HealthChanged
from nemo_watchdog.records.seen import HeartbeatHeard as HeartbeatHeard
from nemo_watchdog.records.seen import RunChanged as RunChanged
from nemo_watchdog.records.seen import SeenUp as SeenUp
from nemo_watchdog.records.seen import SideChanged as SideChanged
from nemo_watchdog.records.settling import LeftOver as LeftOver
from nemo_watchdog.records.settling import SettlingBegan as SettlingBegan
from nemo_watchdog.records.settling import SettlingEnded as SettlingEnded
from nemo_watchdog.records.settling import SettlingJudged as SettlingJudged
from nemo_watchdog.records.settling import SettlingOwed as SettlingOwed
from nemo_watchdog.records.storms import StormBegan as StormBegan
from nemo_watchdog.records.storms import StormEnded as StormEnded
from nemo_watchdog.records.storms import StormTold as StormTold

_kinds = [kind for kind in list(globals().values()) if isinstance(kind, type) and issubclass(kind, Record)]
TYPES: Mapping[str, type[Record]] = {kind.TYPE: kind for kind in _kinds if kind is not Record}
