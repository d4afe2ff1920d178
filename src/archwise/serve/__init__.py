"""An HTTP service over models that are written: answers, a page to try, and figures of how it does."""
