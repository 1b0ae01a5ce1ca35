"""Rules of EC2 and EKS as pure logic: nothing here imports aws_cdk."""
