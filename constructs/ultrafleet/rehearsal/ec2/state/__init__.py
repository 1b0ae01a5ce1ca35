"""EC2 state of an account and a region: reservations, instances, placement groups, zones, blocks for sale."""
