"""One run of a setting under the traffic of the question: at a rate, or with so many in flight."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from . import in_flight, runs
from .bench import Bench, Sample
from .deadline import Deadline
from .in_flight import Steady
from .parsing import Measurement
from .question import Question
from .search import Candidate, batching_of
from .settings import Setting
from .simulation import loads
from .simulation.loads import AtTimes, Load
from .statistics import total
from .trials import Trial, counted_clients

#: One run takes at most this share of the time that is left.
RUN_SHARE = 0.2
#: Answers that tell how fast a closed loop will be.
_FEW_ANSWERS = 1_000
#: A closed loop of which the model says that more are late is not the one to serve with: its run
#: puts the model right, and proves nothing.
MISSED_BY_FAR = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """Makes them. A run is None where it was given up."""

    bench: Bench
    question: Question

    def at_rate(self, setting: Setting, rows: float, seed: int, deadline: Deadline) -> Trial | None:
        """Open loop at ``rows`` a second."""
        if not 0 < rows < math.inf:
            return None
        left = deadline.remaining(time.monotonic())
        count = runs.open_requests(rows / self.question.traffic.mean_rows, RUN_SHARE * left)
        if not count:
            return None
        requests = self.question.source.at(rows, count, seed=seed)
        sample = self.bench.measure(setting, runs.open_loop(requests), deadline)
        if sample is None:
            return None
        return _trial(sample, self.question, sample.measurement, AtTimes(requests=requests), rows)

    def with_clients(
        self,
        candidate: Candidate,
        clients: int,
        deadline: Deadline,
        *,
        proving: bool = True,
        sending: int = 0,
    ) -> Trial | None:
        """Closed loop in which ``clients`` requests are to be in flight.

        ``proving``: whether the goal is kept; else how fast the setting is, which fewer tell.
        ``sending``: clients of the generator for that, which may need time of its own; 0: as many.
        """
        sending = sending or clients
        setting, source = candidate.setting, self.question.source
        expected = loads.in_flight(source, clients, _FEW_ANSWERS).outcome(
            candidate.service, batching_of(setting)
        )
        rate = expected.rows_per_second / source.mean_rows
        left = deadline.remaining(time.monotonic())
        late = expected.violations(self.question.goal.seconds)
        good = proving and late <= MISSED_BY_FAR
        wanted = runs.LOOP_REQUESTS_GOOD if good else runs.LOOP_REQUESTS_FAIR
        count = runs.in_flight_requests(sending, rate, RUN_SHARE * left, wanted)
        if not count:
            return None
        traffic = self.question.traffic
        by_kind = runs.clients_by_kind(sending, traffic.rows_per_request, source.lengths)
        sample = self.bench.measure(setting, runs.in_flight(by_kind, count, rate), deadline)
        if sample is None:
            return None
        seen: Steady = in_flight.steady(sample.measurement, by_kind, sample.windows)
        measured = seen.measurement
        load = loads.in_flight(source, counted_clients(clients, seen.in_flight), measured.requests)
        return _trial(
            sample,
            self.question,
            measured,
            load,
            measured.rows_per_second,
            in_flight=seen.in_flight,
            sending=sending,
        )


def _trial(
    sample: Sample,
    question: Question,
    measured: Measurement,
    load: Load,
    rows: float,
    *,
    in_flight: float = math.nan,
    sending: int = 0,
) -> Trial:
    goal_ms = question.objective.milliseconds
    return Trial(
        setting=sample.setting,
        rows_per_second=rows,
        load=load,
        measurement=measured,
        executions=total(sample.windows).executions,
        median_ms=measured.percentile_ms(50),
        tail_ms=measured.at_or_finest(question.objective.percentile),
        goal_ms=goal_ms,
        violations=measured.violations(goal_ms),
        in_flight=in_flight,
        sending=sending,
    )
