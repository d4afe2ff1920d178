"""The report of a run: facts gathered as plain data, charts drawn of them, and one page of HTML."""
