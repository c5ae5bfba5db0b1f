"""What the daemon does about its own trustworthiness: drills of the fallback, versions, rollback."""
