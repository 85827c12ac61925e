"""The plan: what a job will do, derived by every participant from public facts alone.

A job's steps are cut into *stages* after each step whose output sizes only the run can tell. The plan that
the parties approve covers all stages; where a size is not known yet it gives the bound. While the job runs,
each stage is derived again from the sizes that are known then, compared between all participants, and held
against that bound. Either way a step's messages are planned to the byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from coterie.agreement import Terms
from coterie.crypto import canonical, digest
from coterie.learn import EACH, MIN_GROUP, Earlier, PlanContext, StepPlan, attested, stated
from coterie.mpc import Correlations, Network

from .attested.sealed import transfers_of
from .differences import plain, without_new
from .environment import DealerEnvironment, TeeEnvironment, environment_of, tee_environment_of
from .errors import (
    ENGINE_UNSUPPORTED,
    KEPT_RECEIVES,
    LABEL_INVALID,
    NOTHING_TO_RECEIVE,
    PIPELINE_UNUSED,
    PLAN_EXCEEDED,
)
from .horizontal import colluding_of
from .minimum import agreement_between_stages, minimum_of
from .modules import check_modules
from .planned_data import PlannedData, data_of, network_of, types_of
from .proposal import Proposal, roles_of
from .registry import component, parameters, used_pipelines
from .spec import Step

__all__ = ["Plan", "Planner", "StagePlan", "derive_plan"]

FACTS_BYTES = 16 * 1024
"""What each data party tells of its sizes at the end of a stage: JSON, padded to a planned length."""
DIGEST_BYTES = 128
"""What each participant tells of its stage plan: stage and digest, padded."""

# The estimate of time is a plain sum with these constants; equal at all parties, and no promise.
SECONDS_PER_ROUND = 0.0003
"""What a participant does for a message, beside the network's latency."""
BYTES_PER_SECOND = 200e6
"""What a participant's own work lets through."""
OPERATIONS_PER_SECOND = 1e9


@dataclass(frozen=True)
class StagePlan:
    """The steps between two points at which sizes become known."""

    index: int
    exact: bool
    """Whether all sizes are known; otherwise they are upper bounds."""
    steps: tuple[StepPlan, ...]
    network: Network | None = None
    """For the estimate of time."""

    def to_document(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "exact": self.exact,
            "steps": [_step_document(step, self.network) for step in self.steps],
        }

    @property
    def digest(self) -> str:
        return digest(canonical(self.to_document()))

    def step(self, name: str) -> StepPlan:
        return next(step for step in self.steps if step.step == name)


def _step_document(step: StepPlan, network: Network | None) -> dict[str, Any]:
    document = asdict(step)
    document["seconds"] = round(seconds(step, network), 3)
    return without_new(plain(document))


def seconds(step: StepPlan, network: Network | None = None) -> float:
    """Estimated duration of a step."""
    sent = max((sum(to.values()) for to in step.sent.values()), default=0)
    rounds = max(step.rounds.values(), default=0)
    round_s = SECONDS_PER_ROUND + (network.latency if network else 0.0)
    rate = min(BYTES_PER_SECOND, network.bandwidth if network else BYTES_PER_SECOND)
    return rounds * round_s + sent / rate + step.operations / OPERATIONS_PER_SECOND


@dataclass(frozen=True)
class Plan:
    """What the parties approve. Equal at all of them, to the byte."""

    job: str
    name: str
    agreement: str
    engine: str
    initiator: str
    parties: tuple[str, ...]
    dealer: str | None
    correlations: Correlations
    """Whether the dealer takes part, or deals each stage before it is run."""
    network: Network | None
    """What protocols were chosen by."""
    data: Mapping[str, PlannedData]
    """By party."""
    stages: tuple[StagePlan, ...]
    guests: tuple[str, ...] = ()
    """Who takes part without data, to receive results. The dealer may be one of them."""
    host: str | None = None
    """Of engine tee: on whose machine the attested process runs."""
    sealed: Mapping[str, str] = field(default_factory=dict)
    """Of engine tee: digest of the record of each owner's sealed data."""
    transfers: tuple[StepPlan, ...] = ()
    """Of engine tee: what is sent before and after the run; in the run itself nobody sends."""
    environment: DealerEnvironment | None = None
    """What an attested dealer deals in; None for one that is trusted by its name."""
    tee: TeeEnvironment | None = None
    """Of engine tee: on what platforms it may run."""
    kept: tuple[str, ...] = ()
    """Parties with data that take no part: a key keeper at the host releases their keys, under their standing
    grants."""
    horizontal: bool = False
    """Whether the parties have the same columns of different rows."""
    coordinator: str | None = None
    """Of engine fl: who adds up what the parties have masked. It may be one of them."""
    minimum: int | None = None
    """Of engine fl: parties that every sum has at least, where the job goes on without the others; it waits
    for them for ``patience`` seconds, in each stage of a sum."""
    patience: float | None = None

    def to_document(self) -> dict[str, Any]:
        # Documents of jobs without guests, or an attested dealer, are as they were before there were any.
        guests = {"guests": list(self.guests)} if self.guests else {}
        dealing = {"dealer_tee": self.environment.to_document()} if self.environment else {}
        horizontal = {"frame": "horizontal", "coordinator": self.coordinator} if self.horizontal else {}
        dropouts = {"minimum": self.minimum, "patience": self.patience} if self.minimum else {}
        return {
            **guests,
            **dealing,
            **horizontal,
            **dropouts,
            **self._attested(),
            "version": 1,
            "job": self.job,
            "name": self.name,
            "agreement": self.agreement,
            "engine": self.engine,
            "initiator": self.initiator,
            "parties": list(self.parties),
            "dealer": self.dealer,
            "correlations": self.correlations,
            "network": self.network.to_dict() if self.network else None,
            "data": {party: plain(asdict(used)) for party, used in self.data.items()},
            "stages": [stage.to_document() for stage in self.stages],
        }

    def _attested(self) -> dict[str, Any]:
        if not self.transfers:
            return {}
        transfers = [_step_document(step, self.network) for step in self.transfers]
        tee = {"tee": self.tee.to_document()} if self.tee else {}
        kept = {"kept": list(self.kept)} if self.kept else {}
        return {**tee, **kept, "host": self.host, "sealed": dict(self.sealed), "transfers": transfers}

    @property
    def digest(self) -> str:
        return digest(canonical(self.to_document()))

    @property
    def steps(self) -> tuple[StepPlan, ...]:
        run = tuple(step for stage in self.stages for step in stage.steps)
        return (*self.transfers[:-1], *run, *self.transfers[-1:])

    def transfer(self, name: str) -> StepPlan:
        """A transfer by its name."""
        return next(step for step in self.transfers if step.step == name)

    @property
    def participants(self) -> tuple[str, ...]:
        """Who takes part in the run: the compute parties, the dealer, unless it deals before, the guests; of
        an attested run the host, and not those whose keys are kept."""
        helper = self.dealer or self.host or self.coordinator
        named = _participants(self.parties, helper, self.guests, self.correlations)
        return tuple(party for party in named if party not in self.kept)

    def summary(self) -> dict[str, Any]:
        """Totals over all steps: bytes by sender and receiver, rounds, memory, disk, seconds, who
        learns what."""
        sent: dict[str, dict[str, int]] = {}
        for step in self.steps:
            for source, targets in step.sent.items():
                for target, count in targets.items():
                    row = sent.setdefault(source, {})
                    row[target] = row.get(target, 0) + count
        learns: dict[str, list[str]] = {party: [] for party in (*self.parties, *self.guests)}
        if self.host:
            learns.setdefault(self.host, [])
        if self.coordinator:
            learns.setdefault(self.coordinator, [])
        if self.dealer:
            learns[self.dealer] = []  # also one that deals before is told sizes: it deals for them
        for step in self.steps:
            for reveal in step.reveals:
                for party in reveal.to:
                    learns[party].append(f"{step.step}: {reveal.what} ({reveal.values})")
        return {
            "sent": sent,
            "dealt": self._dealt(),
            "rounds": sum(max(step.rounds.values(), default=0) for step in self.steps),
            "memory": max((step.memory for step in self.steps), default=0),
            "disk": sum(step.disk for step in self.steps),
            "seconds": round(sum(seconds(step, self.network) for step in self.steps), 3),
            "learns": learns,
        }

    def _dealt(self) -> dict[str, int]:
        """Bytes of corrections in tape files by party."""
        dealt: dict[str, int] = {}
        for tape in (tape for step in self.steps for tape in step.tapes):
            for party, count in tape.corrections.items():
                dealt[party] = dealt.get(party, 0) + count
        return dealt


def _participants(
    parties: tuple[str, ...], helper: str | None, guests: tuple[str, ...], correlations: Correlations
) -> tuple[str, ...]:
    there = (helper,) if helper and correlations == "stream" else ()
    return tuple(dict.fromkeys((*parties, *there, *guests)))


class Planner:
    """Walks a proposal's steps and plans them. Every participant has one of its own.

    :param proposal: the job with its public facts.
    :param terms: of the agreement it runs under.
    """

    def __init__(self, proposal: Proposal, terms: Terms) -> None:
        self._proposal = proposal
        check_modules(proposal, terms)
        if extra := set(proposal.pipelines) - set(used_pipelines(proposal.spec)):
            raise PIPELINE_UNUSED(f"'{min(extra)}'")
        roles = roles_of(proposal, terms)
        self.parties = roles.parties
        self.dealer = roles.dealer
        self.coordinator = roles.coordinator
        self.guests = roles.guests
        self.environment = environment_of(proposal.spec, terms)
        self.tee = tee_environment_of(proposal.spec, terms)
        minimum = minimum_of(proposal.spec, terms, roles.parties, roles.coordinator)
        self.context = PlanContext(
            engine=proposal.spec.engine,
            step="",
            parties=roles.parties,
            dealer=roles.dealer,
            receivers=roles.receivers,
            dataset_rows={party: facts.distinct for party, facts in proposal.facts.items()},
            repeated_ids=tuple(party for party in roles.parties if proposal.facts[party].ids is not None),
            all_rows={party: facts.rows for party, facts in proposal.facts.items()},
            columns={EACH: roles.columns[roles.parties[0]]} if roles.horizontal else roles.columns,
            label_holder=roles.label_holder,
            label=roles.label,
            frames={},
            models={},
            network=network_of(proposal),
            correlations=proposal.spec.correlations,
            guests=roles.guests,
            types=types_of(proposal, terms),
            job=proposal.job,
            agreement=proposal.agreement,
            labelled=roles.labelled,
            pipelines=proposal.pipelines,
            min_group=terms.min_group or MIN_GROUP,
            min_rows=terms.min_rows,
            horizontal=roles.horizontal,
            coordinator=roles.coordinator,
            colluding=colluding_of(terms, len(roles.parties), minimum) if roles.horizontal else None,
            minimum=minimum,
        )
        self._next = 0
        self._stage = 0
        self.planned: dict[str, PlanContext] = {}
        """Each step's context as it was before the step was planned."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """The job's steps."""
        return self._proposal.spec.steps

    @property
    def next_stage(self) -> int:
        """Index of the stage that :meth:`stage` plans next."""
        return self._stage

    @property
    def done(self) -> bool:
        return self._next >= len(self._proposal.spec.steps)

    def stage(self, *, exact: bool) -> StagePlan:
        """Plan the steps up to the next point at which sizes become known."""
        plans = [self._agree()]
        self.context.exact = exact
        while not self.done:
            step = self._proposal.spec.steps[self._next]
            self._next += 1
            part = component(step.component)
            if self.context.engine not in part.engines:
                known = ", ".join(sorted(part.engines))
                raise ENGINE_UNSUPPORTED(
                    f"{step.component!r} in engine {self.context.engine!r}; it runs in {known}",
                    step=step.name,
                )
            if part.needs_label and not self.context.labelled:
                raise LABEL_INVALID(f"{step.component!r} works on data with a label", step=step.name)
            self.context.step = step.name
            after = self._proposal.spec.steps[self._next :]
            self.context.later = tuple((one.component, parameters(one)) for one in after)
            self.planned[step.name] = replace(
                self.context, frames=dict(self.context.frames), models=dict(self.context.models)
            )
            params = parameters(step)
            plan = part.plan(self.context, params)
            planned = Earlier(step.name, step.component, params, self.planned[step.name].frames)
            self.context.earlier = (*self.context.earlier, planned)
            plans.append(self._stated(plan))
            if part.ends_stage:
                break
        self._stage += 1
        return StagePlan(self._stage - 1, exact, tuple(plans), self.context.network)

    def _stated(self, plan: StepPlan) -> StepPlan:
        """The plan of a step, with the environment that it rests on."""
        if self.context.engine == "tee":
            return attested(plan) if self.tee is None else self.tee.stated(attested(plan))
        if self.context.engine == "fl":
            return stated(self.context, plan)
        return plan if self.environment is None else self.environment.stated(plan)

    def apply(self, facts: Mapping[str, int]) -> None:
        """Take in the sizes that the stage just run has told.

        :raises CoterieError: CT-4011 for sizes beyond what was planned with, before anything is planned with
            them: a dealer hears them from others.
        """
        step = self._proposal.spec.steps[self._next - 1]
        before = dict(self.context.frames)
        try:
            component(step.component).apply_facts(self.context, facts)
        except KeyError as error:
            raise PLAN_EXCEEDED(f"nobody tells {error}", step=step.name) from error
        for name, shape in self.context.frames.items():
            planned = before.get(name)
            if planned is None or not 0 < shape.rows <= planned.rows:
                raise PLAN_EXCEEDED(f"{shape.rows} rows in frame {name!r}", step=step.name)
            if not 0 < shape.common_rows <= planned.common_rows:
                raise PLAN_EXCEEDED(f"{shape.common_rows} common rows in frame {name!r}", step=step.name)
            for party, rows in (shape.horizontal or {}).items():
                if not 0 < rows <= (planned.horizontal or {}).get(party, 0):
                    raise PLAN_EXCEEDED(f"{rows} rows of {party} in frame {name!r}", step=step.name)

    def _agree(self) -> StepPlan:
        """The messages in which the participants compare sizes and plan before a stage. In engine tee there
        are none: all stages run in one process."""
        helper = self.dealer or self.coordinator
        everybody = _participants(self.parties, helper, self.guests, self.context.correlations)
        first = self._stage == 0
        sent = {
            source: {
                target: DIGEST_BYTES + (FACTS_BYTES if source in self.parties and not first else 0)
                for target in everybody
                if target != source
            }
            for source in everybody
        }
        if self.context.minimum is not None and self.coordinator is not None:
            return agreement_between_stages(self._stage, self.parties, self.coordinator, sent, FACTS_BYTES)
        alone = len(everybody) == 1 or self.context.engine == "tee"
        return StepPlan(
            step=f"stage-{self._stage}",
            component="plan",
            params={},
            sent={} if alone else sent,
            rounds={} if alone else dict.fromkeys(everybody, 1 if first else 2),
        )


def derive_plan(proposal: Proposal, terms: Terms) -> Plan:
    """The plan of all stages, with bounds where sizes are not known yet.

    :raises CoterieError: CT-16xx, CT-40xx, and the components' own codes for parameters that do not fit.
    """
    planner = Planner(proposal, terms)
    stages: list[StagePlan] = []
    while not planner.done:
        stages.append(planner.stage(exact=not stages))
    roles = roles_of(proposal, terms)
    steps = [step for stage in stages for step in stage.steps]
    transfers: tuple[StepPlan, ...] = ()
    if planner.tee is not None and proposal.sealed:
        transfers = tuple(map(planner.tee.stated, transfers_of(proposal, roles, terms, steps)))
    plan = Plan(
        job=proposal.job,
        name=proposal.spec.name,
        agreement=proposal.agreement,
        engine=proposal.spec.engine,
        initiator=proposal.initiator,
        parties=planner.parties,
        dealer=planner.dealer,
        correlations=proposal.spec.correlations,
        network=network_of(proposal),
        data={party: data_of(party, proposal, roles) for party in planner.parties},
        stages=tuple(stages),
        guests=planner.guests,
        host=roles.host,
        environment=planner.environment,
        tee=planner.tee,
        sealed={party: record.digest for party, record in sorted(proposal.sealed.items())},
        transfers=transfers,
        kept=roles.kept,
        horizontal=roles.horizontal,
        coordinator=roles.coordinator,
        minimum=planner.context.minimum,
        patience=proposal.spec.patience,
    )
    _check_receivers(plan)
    return plan


def _check_receivers(plan: Plan) -> None:
    """Guests receive something, those who take no part nothing. Errors: CT-4025, CT-4041."""
    for step in plan.steps:
        told = [(kind, to) for kind, to in step.results.items()]
        for what, to in (*told, *((reveal.what, reveal.to) for reveal in step.reveals)):
            for party in plan.kept:
                if party in to:
                    raise KEPT_RECEIVES(f"'{party}' would receive: {what}", party=party, step=step.step)
    receiving = {party for step in plan.steps for to in step.results.values() for party in to}
    for guest in plan.guests:
        if guest not in receiving:
            raise NOTHING_TO_RECEIVE(f"'{guest}'", party=guest)
