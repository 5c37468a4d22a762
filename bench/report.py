"""``bench report``: the newest measurement of everything, as a Markdown table."""

import json

from bench import table
from bench.records import Records
from models.errors import RequestError


def print_report(records: Records, as_json: bool) -> None:
    """RequestError when nothing has been measured yet."""
    newest = records.newest()
    if not newest:
        raise RequestError(f"{records.path} has no measurement yet; type make bench first")
    if as_json:
        print(json.dumps({"rows": [table.as_dict(record) for record in newest]}, indent=2))
    else:
        print(table.markdown(newest))
