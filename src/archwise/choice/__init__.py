"""The choice: shortlist, race, evidence, verdict."""
