"""CloudFormation templates of any author: read, resolved, compared. Nothing here imports aws_cdk."""
