"""Messages of the bus to readings: one module an input form, all of them in `registry.py`."""
