"""Writes docs/review.md: how to review a change, and every hazard from its rule."""

import sys
from pathlib import Path
from typing import Final

from ultrafleet.review.hazard import Level
from ultrafleet.review.hazards import HAZARD_RULES

PAGE: Final = Path(__file__).parent.parent.parent / "docs" / "review.md"

_HEAD: Final = """# Reviews of pull requests

    .venv/bin/ultrafleet review BASE HEAD [--out review.md]

shows what a change of CloudFormation templates does to the fleet that they describe: nodes that are lost, access that
is widened, costs, limits, and the pools, queues and teams that are affected. BASE and HEAD are two folders of templates
(such as `cdk.out`), two files, or two git revisions (one may be `REVISION:FOLDER`; a name that is both is refused);
templates of any author work. A stack is identified by the name that the cloud assembly gives it, else by its file name;
two single files are compared whatever their names are.

| | dark |
|---|---|
| ![the comment](review/comment-light.png) | ![the same, dark](review/comment-dark.png) |

The comment as it looks with GitHub's stylesheet (markdown-it, github-markdown-css, Chromium), by hand and of an older
wording; [as Markdown](review/example.md), with its picture ([light](review/example-light.svg),
[dark](review/example-dark.svg)). The Markdown and its picture are made from the shipped training environment by
`tests/tools/review_example.py`, and a test holds them to it.

## Options

| option | what it does |
|---|---|
| `--out FILE` | file of the comment; two pictures, and `FILE-whole` for a cut comment. Default: standard output |
| `--path DIR` | folder of templates in git revisions. Default: every template of the revision |
| `--as-of DATE` | day from which blocks and costs count, and of acknowledgements. Default: today, UTC |
| `--acknowledgements FILE` | findings of the policy that are accepted: see [policy](policy.md#acknowledgements) |
| `--parameter NAME=VALUE` | value of a template parameter, in both |
| `--prices FILE` | your prices, as CSV or YAML: see [below](#your-own-prices) |
| `--pictures URL` | address of the pictures. Default: beside the comment |
| `--json` | the review as JSON, instead of the comment |
| `--fail-on NAME` | exit 1 on a hazard of a level or a worse one, or of a kind, such as `refused`; repeatable |
| `--approval FILE` | exit 1 where the change needs a reviewer: see [below](#approval-without-a-reviewer) |

The same input gives the same bytes on the same day, so a review can be kept under test. A comment has at most 65,535
bytes (GitHub accepts 65,536 characters); lines that are cut are counted, and the other file has them all. Exit 0 after
a review, whatever it found, unless `--fail-on` or `--approval` say otherwise; 2 for input that can't be used.

## Sections

1. **Hazards**, by level; one message for all pools or resources that have it. [Each of them](#hazards) has a rule.

   | | level | hazards |
   |---|---|---|
"""

_SIGNS: Final = {Level.BLOCKING: "🔴", Level.SECURITY: "🟠", Level.NOTICE: "🟡"}
_MEANINGS: Final = {
    Level.BLOCKING: "blocking: nodes, data or the deployment itself are lost",
    Level.SECURITY: "security: more access, or less protection",
    Level.NOTICE: "notice: read before merging",
}

_TAIL: Final = """
2. **Fleet**: UltraServers, accelerators, nodes, USD per hour and until the blocks end, before → after; a picture; the
   pools that change, and each of their blocks: new, over or removed. A pool counts what its blocks hold at once, at
   most, from the day on: two that overlap count together, one that is over counts nothing. Prices are those of the
   [catalog](catalog.md); pools without a published one are named.
3. **Policy**: findings of [`ultrafleet check`](policy.md) that are new, those that are resolved, and those that are
   acknowledged, with reason and owner.
4. **Limits**: resources, bytes, node groups, nodes, IP addresses: used, and left. Each block is a node group; of the
   blocks of a pool those count for addresses that run at the same time.
5. **Blast radius**: which pools, UltraServers, queues and teams depend on the changed resources.
6. **Resource changes**, folded: by pool, then by stack; equal changes of several pools once.

## Sources of the review

Which property replaces a resource, rolls or resizes its nodes: [update effects](update-effects.md) for the types that
this library makes, as in `ultrafleet preflight`, and CloudFormation's own schemas (create-only properties), as cfn-lint
ships them, for all others: install `ultrafleet[rehearsal]` for those. Values behind parameters, mappings and conditions
are compared, not the functions: a new default that makes a pool smaller is seen, and another way to write the same
value is no change.

A pool is what the label `ultrafleet/pool` of its nodes names, so that the node groups of its blocks are one pool; a
group of nodes without the label is a pool of its own. CloudFormation has no property for the time at which a block
runs. The library's pools state it in their template's `Metadata`; any template may:

    Metadata:
      ultrafleet:rack-a-cr-0aaaaaaaaaaaaaaa1: # the node group's name, or its logical id
        blocks:
          - { id: cr-0aaaaaaaaaaaaaaa1, instances: 18, start: "2026-12-01T11:30:00Z", end: "2026-12-15T11:30:00Z" }

How a change of a pool's blocks is reported:

| change | reported as |
|---|---|
| a block more | a node group more; no hazard |
| a block that is over, taken out | a node group less; no hazard |
| a block that runs or is to run, taken out or swapped | 🔴 `pool-removed`: the node group is deleted, with its nodes |
| a block in another pool | 🔴 `block-moved` |
| a pool under another name | 🔴 `pool-renamed`: `cdk deploy` deletes no stack, two node groups are on one block |
| a node group of an earlier release becomes one for each block | 🔴 `old-shape-replaced`: [migration](migration.md) |
| the same, with `existing_node_group` for the running block | 🟡 `pool-orphaned` |

A block with `existing_node_group: true` in its metadata is run by a node group that no template makes; it is counted
and named. A pool whose last block ends within 14 days is reported, and so is metadata that names no node group or can't
be read. A review has no clock but its day: a block that ends on that day isn't over.

Queues and teams are read from the Kubernetes objects that templates apply to a cluster (CDK's kubectl layer).

A review reads templates and calls no AWS API: `ultrafleet preflight` compares with what runs. IAM is compared statement
by statement: one that several older ones allow only together is reported, although nothing is wider.

## A programme's pull request

A folder or revision in which a `programme.json` is beside the `manifest.json` of a cloud assembly, as `ultrafleet
programme synth` writes them, is reviewed as a [programme](cells.md), whatever else is there:

    ultrafleet review base/cdk.out head/cdk.out --out review.md

1. Files of each cell are compared by their digests. A cell in which nothing differs is never parsed.
2. What differs in a cell becomes a signature: values before and after, with the cell's own name, account and racks
   taken out. Cells with one signature change in the same way; the one with the most racks is reviewed by all the rules,
   and told once, with the names of all.
3. A cell that comes or goes is one line, with its racks and kinds of resources, and its hazards. A new one says which
   cell of the base has the same platform, or that none has.

| change | in the comment |
|---|---|
| a rack more | its cell, its name, the number of stacks that change (one), UltraServers and USD an hour |
| a cell more | `platform as of` another cell, racks, stacks, resources by type |
| a limit raised | value, default and reason; the cells that exist stay; what to ask AWS for now |
| the library, the platform | "in **70 cells** (`dallas-a-gb200x72-t001 to t070`)", once |
| racks or cells gone | 🔴 in the first line, in the hazards and in the table |

Only what is a cell's own is taken out, so a foreign account, another reservation, another block's days or a stack more
in one of seventy cells makes it differ, and it is reviewed on its own. Racks that are added are compared without their
reservation and days. Whether the blocks of racks that change run, are over or come later is part of the signature,
because a hazard depends on it.

The plan is the head's word: where it and the templates disagree about a cell's racks, a note says so, and the templates
count. A plan that is gone or unreadable, or a template that can't be read, is *not reviewed*, exit code 2. `--approval`
leaves every change of more than one cell, of a limit, and every cell that comes or goes to a person. `--json` has all
of it under `programmes`.

`half-a-million` as synthesised, 72 cells, 694 stacks and 107 MB on each side, on two busy cores: 4.1 s of CPU where
nothing differs (3.3 s are the start of the command), 7.8 s for a rack more, 21 s where the launch template of every
rack and the version of every cluster change; the comment of that has 4 kB.

## In a pull request

[`.github/workflows/fleet-synthesis.yml`](../.github/workflows/fleet-synthesis.yml) synthesises the pull request in a
job that may only read. [`fleet-review.yml`](../.github/workflows/fleet-review.yml) runs after it, from the default
branch: it takes the templates as data, judges them by the tool and the `acknowledgements.yaml` of the base, and keeps
one comment up to date, which names the commit; where synthesis or review fail, the comment says so. Acknowledgements
that are new in the head are listed, and not applied. Copy both, and set their commands. The job that writes runs
neither side; it puts the pictures on a branch of their own, `fleet-review-pictures`, because a comment can't carry one;
an empty `PICTURES` leaves them out. A pull request from a fork gets the review in its run's summary and as an artifact.
Protect `.github/workflows` by a ruleset: who may change the first workflow may upload other templates ([record
25](decisions/0025-templates-of-an-enemy.md)).

[`docs/ci/gitlab-ci.yml`](ci/gitlab-ci.yml) does the same for merge requests in two jobs, with a project access token.

A third job uploads the findings as SARIF to code scanning, with that right alone; `FLEET_CODE_SCANNING: off` (a
variable of the repository) leaves it out. GitLab gets a code quality report. Hosts show both beside the lines where the
templates are files of the repository, which those in `cdk.out` mostly aren't.

The scripts of both are run by `make test`, with stand-ins for `gh` and `curl`. What the hosts do with them (events,
permissions, artifacts, code scanning, how they show a picture) was not tried on either.

## Your own prices

`ultrafleet review … --prices FILE` and `ultrafleet summary --prices FILE` count by a private file before the public
prices. CSV with a heading, or a YAML list:

    type, region, usd_per_hour, date, source
    u-p6e-gb200x72, us-east-1, 700.00, 2026-11-01, our contract

`type` is an instance type or a whole UltraServer; `region` and `purchase_option` (`capacity-block`, `on-demand`) may be
left out for a price that holds in all. A cost by it is shown with `your price of DATE`, never as a published one. The
file is read on this machine and sent nowhere; its sums are in the comment, for whoever may read that.

## Approval without a reviewer

`--approval FILE` reads a policy, such as [`ci/approval.yaml`](ci/approval.yaml), and ends with a line that approves or
gives the reasons why not. Take the file from the base, as acknowledgements: a change that approves itself is none.

| key | what a change may have and still merge without a reviewer | default |
|---|---|---|
| `hazards` | ids of hazards | none |
| `findings` | ids of the policy's rules, newly broken or undecided | none |
| `usd_per_hour`, `usd_remaining` | how much dearer the fleet becomes, in USD an hour and until its blocks end | 0 |
| `effects` | [effects](update-effects.md) of changed properties | `no_interruption`, `new_version` |
| `added`, `removed` | patterns of resource types | none |

Always a person's: what couldn't be read, a side without templates, refused updates, changed policies of deletion,
exceeded limits, pools without a known price or size that grow. Over the scenarios that the reviews are tested with, no
change with a hazard is approved, by the empty policy or the shipped one, and the shipped one approves at least four of
five of the others, new principals apart.

## Golden templates

`tests/golden` holds the templates of the shipped environments as a reviewer wants to read them: YAML with short
intrinsics, JSON and scripts inside of text laid out. `make test` fails when they drift, and names the command:
`make golden`. Commit what it writes; the diff is the change. They can be reviewed, too:
`ultrafleet review main HEAD --path tests/golden`.

## Hazards

A hazard may have a lower level than its heading's, such as a notice for a launch template whose new version no pool
uses yet. Made from the rules by `tests/tools/review_document.py`.
"""


def document() -> str:
    """The page."""
    table = "".join(
        f"   | {_SIGNS[level]} | {_MEANINGS[level]} | "
        + ", ".join(f"`{rule.id}`" for rule in HAZARD_RULES if rule.level is level)
        + " |\n"
        for level in Level
    )
    rules = (
        f"\n### `{rule.id}`\n\n"
        f"{_SIGNS[rule.level]} *{rule.level}* · protects from: {rule.protects_from}.\n\n"
        f"Instead: {rule.remedy}.\n\nSource: {rule.source}.\n"
        for rule in HAZARD_RULES
    )
    return "".join([_HEAD, table, _TAIL, *rules])


if __name__ == "__main__":
    PAGE.write_text(document())
    sys.stdout.write(f"{PAGE}\n")
