"""``python -m neurospike``: the command line where its script is not on the path."""

from neurospike.cli.main import run

if __name__ == "__main__":
    run()
