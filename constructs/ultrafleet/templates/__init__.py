"""CloudFormation templates of anybody: read, resolved, compared. Nothing here imports aws_cdk."""
