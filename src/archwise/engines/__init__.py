"""Where trials run: worker processes of this machine."""
