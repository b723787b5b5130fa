"""Points chosen by where the others lie."""
