"""EC2 UltraServer fleets as AWS CDK constructs."""
