"""Text from outside in Markdown and CSV: names and errors that a device, a file or a model gave."""

import re

from models.command_line.printable import printable, printable_lines

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what makes a spreadsheet compute a cell


def markdown_text(text: str) -> str:
    """``text`` as words in a line, or in a cell of a table: no HTML, no links, no further cell."""
    plain = printable(text).replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`")
    plain = re.sub(r"&(?=[#\w])", "&amp;", plain).replace("<", "&lt;")
    return plain.replace("](", "]\\(")


def markdown_code(text: str) -> str:
    """``text`` as code in a cell of a table."""
    return f"`{printable(text).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def csv_text(text: str) -> str:
    """``text`` as a cell that no spreadsheet takes for a formula."""
    plain = printable_lines(text)
    return f"'{plain}" if text.startswith(FORMULA) else plain
