"""What a run is worth: metrics, provenance, tables, claims, figures, report. Knows windows and answers, no engines."""
