"""Rehearsals: an environment is deployed, updated, drained and destroyed on an embedded AWS, without an account.

The embedded AWS is moto, extended in this process. Every service that is extended is a package of the same shape, with
those of these modules (or packages, where one would be too long) that it needs:

| module | content |
|---|---|
| `state` | data of the service for an account and a region, beside moto's |
| `rules` | checks that refuse a request; their records, with source and confidence, are in `refusals.py` |
| `engine` | how a request is carried out: a launch, a stack operation, an execution |
| `clock` | actors that act as the simulated time passes |
| `api` | operations in the place of moto's or beside them, and `install()`, which adds them to moto |

The services are `ec2` (with Resource Groups, whose groups hold its reservations), `autoscaling`, `eks`,
`cloudformation` (with one provider for each resource type), `stepfunctions` (with EventBridge Scheduler) and
`kubernetes`. `simulated_account` has the time, the state and the injected faults, `calls` the API calls that services
make to one another, and `extension` the installation into moto. A module imports only modules above it in the table,
and no operations of another service: those are called through `calls`.

`scenarios` is apart: what is done with an environment on the embedded AWS. No service imports it.
"""
