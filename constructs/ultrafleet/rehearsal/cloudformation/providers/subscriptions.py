"""Subscriptions to SNS topics."""

from collections.abc import Mapping
from typing import Any

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.providers.base import (
    PhysicalResource,
    Properties,
    Provider,
    ResourceContext,
    find,
    only_changed,
    provides,
)


@provides
class SubscriptionProvider(Provider):
    """SNS subscription by e-mail or HTTPS, which is never confirmed here."""

    type = "AWS::SNS::Subscription"
    known = frozenset({"Endpoint", "Protocol", "TopicArn"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        arn = call(
            "sns",
            "subscribe",
            TopicArn=properties["TopicArn"],
            Protocol=properties["Protocol"],
            Endpoint=properties["Endpoint"],
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]
        return PhysicalResource(physical_id=arn, attributes={"Arn": arn})

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found = call("sns", "list_subscriptions_by_topic", TopicArn=properties["TopicArn"])["Subscriptions"]
        mine = [item for item in found if item["SubscriptionArn"] == resource.physical_id]
        return find(mine, "NotFound", resource.physical_id)

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        only_changed(old, new)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("sns", "unsubscribe", SubscriptionArn=resource.physical_id)
