"""Operations of EC2 Auto Scaling in the place of moto's."""
