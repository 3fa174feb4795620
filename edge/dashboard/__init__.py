"""The operator's page and the telemetry endpoints (``dashboard``), served beside the loop and never in its way."""
