"""The tables of the journal."""

import sqlite3

_SCHEMA = """
CREATE TABLE IF NOT EXISTS object (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    number INTEGER NOT NULL,
    decided_at REAL NOT NULL,
    label TEXT NOT NULL,
    probability REAL NOT NULL,
    probabilities TEXT NOT NULL,
    bin INTEGER NOT NULL,
    rejected TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    model_sha256 TEXT NOT NULL,
    outcome TEXT NOT NULL,
    acknowledged_at REAL,
    completed_at REAL
);
CREATE INDEX IF NOT EXISTS object_outcome ON object (outcome);
CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY, run TEXT NOT NULL, at REAL NOT NULL, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS bin (number INTEGER PRIMARY KEY, objects INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS memory (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS empty_place (camera TEXT PRIMARY KEY, at REAL NOT NULL, picture BLOB NOT NULL);
"""

_LATER_COLUMNS = {
    "arm": "TEXT NOT NULL DEFAULT ''",
    "previous_sequence": "INTEGER NOT NULL DEFAULT 0",
    "note": "TEXT NOT NULL DEFAULT ''",
    "picture": "TEXT NOT NULL DEFAULT ''",
    "classify_s": "REAL",
    "cleared_at": "REAL",
}
"""Columns of ``object`` that files written by version 0.1 lack."""


def prepare_tables(database: sqlite3.Connection) -> None:
    """Makes the tables that are missing, and adds what those of an earlier version lack."""
    database.executescript(_SCHEMA)
    present = {row[1] for row in database.execute("PRAGMA table_info(object)")}
    for name, kind in _LATER_COLUMNS.items():
        if name not in present:
            database.execute(f"ALTER TABLE object ADD COLUMN {name} {kind}")
