"""An embedded AWS on which a whole environment is deployed, updated, drained and destroyed, without an account."""
