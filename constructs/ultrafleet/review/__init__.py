"""Reviews of pull requests: effects of a change of templates on a fleet. No aws_cdk."""

from ultrafleet.review.picture import picture
from ultrafleet.review.review import Review, review_of
from ultrafleet.templates.revision import Revision, paired, read_revision

__all__ = ["Review", "Revision", "paired", "picture", "read_revision", "review_of"]
