"""``mobilenet-export``, the command of ``make export``."""

import sys
from collections.abc import Sequence

from models.command_line import starting


def main(argv: Sequence[str]) -> int:
    """Export what ``argv`` asks for and print what was made; the exit code.

    It is 1 where a file that was asked for is not among those, 3 where this machine is why.
    """
    from models.command_line import command  # here: see ``script``

    return command.exit_code(lambda: _export(argv), "interrupted: nothing was written")


def _export(argv: Sequence[str]) -> None:
    from pathlib import Path

    from export.export_file import HELP, FileOptions, wanted_files
    from export.exporter import error_of, export
    from export.summary import text
    from models.command_line import options, quiet_logs
    from models.command_line.printable import printable_lines

    parser = options.parser("make export", "Write six verified files and a manifest.")
    parser.add_argument("--json", action="store_true", help="print the manifest instead")
    options.add_table(parser, FileOptions, HELP)
    namespace = parser.parse_args(argv)
    asked = options.from_namespace(namespace)
    wanted = options.from_namespace(namespace, FileOptions)
    with quiet_logs.held_back():
        manifest, made = export(asked, wanted)
    folder = str(Path(asked.out) / manifest.model_id)
    shown = manifest.to_json() if namespace.json else text(manifest, folder, made)
    print(printable_lines(shown), end="")
    names = {file.name for file in wanted_files(asked.schemes, wanted)}
    failed = [failure for failure in manifest.failed if failure.name in names]
    if failed:
        sys.stdout.flush()
        raise error_of(failed)


def script() -> int:
    """The program of ``mobilenet-export``."""
    return starting.run(main, "export.exporter", "export.summary")


if __name__ == "__main__":
    sys.exit(script())
