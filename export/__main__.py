"""``python -m export``: what ``make export`` runs."""

import signal
import sys
from pathlib import Path

from export.exporter import export
from export.summary import text
from models import chatter, options
from models.errors import CommandError


def main(argv: list[str] | None = None) -> int:
    """Export what the arguments ask for; the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        parser = options.parser("make export", "Write six verified files and a manifest.")
        parser.add_argument("--json", action="store_true", help="print the manifest instead")
        namespace = parser.parse_args(argv)
        asked = options.from_namespace(namespace)
        with chatter.held_back():
            manifest, made = export(asked)
    except CommandError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted: nothing was written", file=sys.stderr)
        return 130
    folder = str(Path(asked.out) / manifest.model_id)
    print(manifest.to_json() if namespace.json else text(manifest, folder, made), end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
