"""Which ConfigMaps of a service nobody needs any more."""

from __future__ import annotations

from modelservice_operator.api import names

from .observed import Children
from .service_plan import Plan

#: Results kept beyond those in use: going back to an earlier spec then builds nothing.
KEPT_RESULTS = 10


def obsolete_config_maps(plan: Plan, children: Children) -> tuple[str, ...]:
    """Names to delete: old serving configurations, and results beyond the newest few.

    Nothing goes before the Deployment has rolled out: an older pod may still start with an
    older configuration.
    """
    deployment = children.deployment
    if plan.serving is None or deployment is None or not deployment.rolled_out:
        return ()
    if deployment.config_key != plan.serving.config_key:
        return ()
    used = {deployment.build_key, deployment.tuning_key, deployment.rollout, deployment.sized_by}
    used |= {stage.key for stage in plan.stages} | {plan.remembered.base}
    idle = [item for item in children.config_maps if item.key not in used]
    old = [item for item in idle if item.kind in {names.BUILD, names.TUNE}]
    results = sorted(old, key=lambda i: i.created_at, reverse=True)
    return tuple(i.name for i in [*(i for i in idle if not i.kind), *results[KEPT_RESULTS:]])
