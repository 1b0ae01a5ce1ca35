"""EC2 and Resource Groups operations, in the place of moto's or beside them."""
