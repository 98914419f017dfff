"""The service that lives in a home: events from its bus, answers of a student to it, and corrections by its people."""
