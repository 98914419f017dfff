"""What a run is worth: metrics, provenance and tables. Knows windows and answers, nothing of engines."""
