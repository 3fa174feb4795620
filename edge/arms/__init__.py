"""Arms: one protocol (``arm``), line protocol 1 over a serial port (``line``), chosen by ``ports``."""
