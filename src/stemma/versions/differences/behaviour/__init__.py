"""What two versions do."""
