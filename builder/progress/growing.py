"""How far a growth is: the figures that the live view, the plain lines and `seedbed status` show.

412 of 1,000 rows; 655 candidates = 412 admitted + 243 rejected; 12 requests in flight; 0.84 of 5 USD spent
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

# Seconds that the rate is taken over: several waves of replies, and short enough to follow a faster or slower endpoint.
_WINDOW = 60.0
_LEAST = 5.0  # seconds of sending before a rate is shown at all
_SAMPLE = 1.0  # seconds between two counts of rows


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests under way.

    Attributes:
        in_flight: sent, and waiting for their answer.
        limit: how many may be in flight now; None where they are not counted one by one.
        backing_off: waiting for their next attempt.
        out: endpoints that are out for the run, each with its reason.
        batch: the batch that they were sent in; None where each was sent by itself, empty until its id is known.
        batch_state: what the endpoint last said of it, such as `in_progress`.
        batch_done: how many of them it has come to.
    """

    in_flight: int = 0
    limit: int | None = None
    backing_off: int = 0
    out: Mapping[str, str] = field(default_factory=dict)
    batch: str | None = None
    batch_state: str = ""
    batch_done: int = 0


@dataclass(frozen=True, slots=True)
class Spent:
    """What counts against one cap.

    Attributes:
        unit: `requests`, `tokens`, or a currency such as `USD`.
        used: settled, lost replies at their ceiling.
        reserved: the ceilings of what is in flight.
        cap: None is no cap.
    """

    unit: str
    used: float
    reserved: float = 0
    cap: float | None = None


@dataclass(frozen=True, slots=True)
class Growing:
    """The figures of a growth at one moment; seeds are in none of them.

    Attributes:
        target: rows to keep.
        reached: the target less what is missing; equal to it only once the target is kept.
        admitted: grown rows; what curation drops of them is grown again, so they may come to be more than the target.
        candidates: read so far; admitted plus rejected.
        rejected: by reason, the commonest first.
        spent: requests, tokens, and money where it is counted.
        traffic: None where nothing is being sent.
        rows_per_minute: None until it is known.
        seconds_left: None until it is known.
    """

    target: int
    reached: int
    admitted: int
    candidates: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    spent: tuple[Spent, ...] = ()
    traffic: Traffic | None = None
    rows_per_minute: float | None = None
    seconds_left: float | None = None

    def at_rest(self) -> Self:
        """The same, of a growth that is not running."""
        spent = tuple(replace(one, reserved=0) for one in self.spent)
        return replace(self, spent=spent, traffic=None, rows_per_minute=None, seconds_left=None)

    def as_record(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """What `as_record` gave."""
        traffic = record["traffic"]
        return cls(
            **{
                **record,
                "spent": tuple(Spent(**one) for one in record["spent"]),
                "traffic": None if traffic is None else Traffic(**traffic),
            }
        )


class Pace:
    """How fast rows come, over the last minute of sending.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._counts: deque[tuple[float, int]] = deque()

    def forget(self) -> None:
        """What came so far was not sent for: start anew."""
        self._counts.clear()

    def count(self, rows: int) -> None:
        """State how many rows there are now; they never become fewer."""
        now = self._clock()
        if self._counts and now - self._counts[-1][0] < _SAMPLE:
            return
        self._counts.append((now, rows))
        while now - self._counts[1 if len(self._counts) > 1 else 0][0] > _WINDOW:
            self._counts.popleft()

    @property
    def per_minute(self) -> float | None:
        """Rows a minute; None until some seconds have passed."""
        if not self._counts:
            return None
        (first, rows_then), (_, rows_now) = self._counts[0], self._counts[-1]
        seconds = self._clock() - first
        return 60 * (rows_now - rows_then) / seconds if seconds >= _LEAST else None

    def seconds_for(self, rows: int) -> float | None:
        """Seconds until so many more rows are there; None while no rate is known, or none come."""
        rate = self.per_minute
        return 60 * max(0, rows) / rate if rate else None
