"""What a change of templates means for a fleet: a review for a pull request. No aws_cdk."""
