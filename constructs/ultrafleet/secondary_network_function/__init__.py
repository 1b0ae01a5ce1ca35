"""Lambda function of the custom resources for secondary networks: what EC2 has and CloudFormation lacks.

Lambda gets this folder and runs `index.handler`: its modules import the standard library and botocore, nothing of
`ultrafleet`.
"""

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
"""Folder that Lambda gets."""
HANDLER: Final = "index.handler"
"""Function that Lambda calls."""
SECONDARY_SUBNET: Final = "Custom::UltrafleetSecondarySubnet"
"""Type of a secondary subnet. `Ref` is its id."""
SECONDARY_INTERFACES: Final = "Custom::UltrafleetSecondaryInterfaces"
"""Type of a launch template version with secondary interfaces. `VersionNumber` is its number."""
ACTIONS: Final = (
    "ec2:CreateLaunchTemplateVersion",
    "ec2:CreateSecondarySubnet",
    "ec2:CreateTags",
    "ec2:DeleteSecondarySubnet",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:DescribeSecondaryInterfaces",
    "ec2:DescribeSecondarySubnets",
)
"""Actions that the function needs."""
VERSIONED_TAG: Final = "ultrafleet:secondary-interfaces"
"""Tag of the launch templates that the function may add versions to; its value is `true`."""
