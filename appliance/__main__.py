"""`appliance` and `python -m appliance`."""

import sys


def main() -> None:
    """The command line; ends the process with the verb's exit code."""
    from appliance.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
