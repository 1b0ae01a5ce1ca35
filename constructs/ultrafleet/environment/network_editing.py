"""Edits of a network in an environment file's text: CIDRs of its subnets, further CIDRs of its VPC."""

from collections.abc import Mapping, Sequence

from ultrafleet.environment.edited_text import edited
from ultrafleet.environment.text_places import Content, insert_pair, newline, refusal, root, value_of


def state_cidrs(text: str, *, cidrs: Mapping[str, str], secondary_cidrs: Sequence[str] = ()) -> str:
    """Text of an environment file with CIDRs that it lacked.

    Args:
        text: text of the file.
        cidrs: CIDRs by the name of their subnet, which has none.
        secondary_cidrs: further CIDRs of the VPC, where the file states none. Default: none.

    Raises:
        EditError: the file is written in a way that can't be edited; the remedy says what to write.
    """
    by_hand = "write into network.subnets: " + ", ".join(f"{name}: cidr {cidr}" for name, cidr in cidrs.items())
    if secondary_cidrs:
        by_hand += f"; into network: secondary_cidrs: [{', '.join(secondary_cidrs)}]"

    def edit(body: str) -> str:
        for name, cidr in cidrs.items():
            body = insert_pair(body, _subnet(body, name, by_hand), f"cidr: {cidr}", by_hand)
        return _with_secondary(body, secondary_cidrs, by_hand) if secondary_cidrs else body

    def change(content: Content) -> None:
        network = content["network"]
        for subnet in network["subnets"]:
            if subnet["name"] in cidrs:
                subnet["cidr"] = cidrs[subnet["name"]]
        if secondary_cidrs:
            network["secondary_cidrs"] = list(secondary_cidrs)

    return edited(text, edit, change, by_hand)


def _subnet(body: str, name: str, by_hand: str) -> object:
    """Entry of a subnet."""
    for item in value_of(value_of(root(body), "network"), "subnets").value:
        if getattr(value_of(item, "name"), "value", None) == name:
            return item
    raise refusal(f"subnet {name}", "not in the file", by_hand)


def _with_secondary(body: str, cidrs: Sequence[str], by_hand: str) -> str:
    """Text with the further CIDRs below the first one."""
    network = value_of(root(body), "network")
    first = next((name for name, _ in network.value if name.value == "cidr"), None)
    if first is None or network.flow_style:
        raise refusal("network", "written without a line for its cidr", by_hand)
    begin = body.rfind("\n", 0, first.start_mark.index) + 1
    end = body.find("\n", first.end_mark.index) + 1
    line = f"{body[begin : first.start_mark.index]}secondary_cidrs: [{', '.join(cidrs)}]{newline(body)}"
    return body[:end] + line + body[end:]
