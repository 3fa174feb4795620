"""Where frames come from: one protocol (``camera``), many sources (``uri`` chooses)."""
