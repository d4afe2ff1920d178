"""Facts of a run, gathered as data for every view."""
