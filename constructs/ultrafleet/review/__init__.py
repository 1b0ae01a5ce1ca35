"""What a change of templates means for a fleet: a review for a pull request. No aws_cdk."""

from ultrafleet.review.picture import picture
from ultrafleet.review.review import Review, review_of
from ultrafleet.templates.revision import Revision, paired, read_revision

__all__ = ["Review", "Revision", "paired", "picture", "read_revision", "review_of"]
