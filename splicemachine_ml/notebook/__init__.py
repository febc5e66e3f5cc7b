"""What a notebook shows: progress and rich display."""
