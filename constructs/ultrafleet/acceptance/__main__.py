"""`python -m ultrafleet.acceptance`, for images that have Python and nothing else."""

import sys

from ultrafleet.acceptance.command import main

sys.exit(main())
