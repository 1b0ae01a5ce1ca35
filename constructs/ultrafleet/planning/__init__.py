"""Plans: targets against supply, at least cost under the rules of capacity blocks. No import of aws_cdk.

numpy and the solver come with the extra `plan`: modules that need them are imported when a plan is made.
"""

from ultrafleet.planning.plan import Measure, Plan, Purchase, Shortfall, SlipValue, Solving, Span, StepOutcome
from ultrafleet.planning.supply import Cap, Delivery, Demand, Held, Kind, Market, Option, Problem, Step

__all__ = [
    "Cap",
    "Delivery",
    "Demand",
    "Held",
    "Kind",
    "Market",
    "Measure",
    "Option",
    "Plan",
    "Problem",
    "Purchase",
    "Shortfall",
    "SlipValue",
    "Solving",
    "Span",
    "Step",
    "StepOutcome",
]
