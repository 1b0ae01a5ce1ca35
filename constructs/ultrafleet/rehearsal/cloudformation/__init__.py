"""CloudFormation: stacks that fail, roll back and replace as AWS's do, and know every resource that they made."""
