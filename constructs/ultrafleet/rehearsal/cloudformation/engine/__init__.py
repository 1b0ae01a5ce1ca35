"""Stack operations: templates, intrinsic functions, creation, update, deletion and rollback."""
