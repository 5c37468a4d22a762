"""Prints the C++ header of the tables that the native runner shares with Python.

    python tables.py >tables.h

They are written once, in the Python runner's files and in the schema of ai-edge-litert, which must
be installed for the Python that runs this.
"""

import ast
import importlib.util
import json
import pathlib
import runpy
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
CORE_NAMES = ROOT / "bench" / "on_device" / "core_names.py"
XNNPACK_WORDS = ROOT / "bench" / "on_device" / "operator_alignment.py"
RUNTIMES = ROOT / "quantize" / "runtime" / "names.py"
HEAD = """\
// Made by android_harness/tables.py from the Python runner's tables and the schema of TFLite.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace harness {

"""


def builtin_operators():
    """(number, name) of each kind of operator in the schema of TFLite, the lower first."""
    package = importlib.util.find_spec("ai_edge_litert")
    if package is None:
        sys.exit(f"ai-edge-litert is not installed for {sys.executable}; install the project first")
    schema = pathlib.Path(package.submodule_search_locations[0], "schema_py_generated.py")
    _, word, rest = schema.read_text().partition("class BuiltinOperator(")
    (described,) = ast.parse(word + rest.partition("\nclass ")[0]).body[:1]
    return sorted(
        (ast.literal_eval(line.value), line.targets[0].id)
        for line in described.body
        if isinstance(line, ast.Assign)
    )


def table(file, name):
    """The constant ``name`` of a Python file that needs no other file."""
    return runpy.run_path(str(file))[name]


def quoted(text):
    """A string of C++; JSON's are, for the plain names here."""
    return json.dumps(text)


def quoted_list(texts):
    return "{" + ", ".join(map(quoted, texts)) + "}"


def header():
    lines = [
        "struct CoreName {",
        "  std::uint32_t implementer;",
        "  std::uint32_t part;",
        "  const char* name;",
        "};",
        "",
        "inline constexpr CoreName kCoreNames[] = {",
    ]
    for (implementer, part), name in table(CORE_NAMES, "CORE_NAMES").items():
        lines.append(f"    {{{implementer:#x}, {part:#x}, {quoted(name)}}},")
    lines += ["};", "", "// By the number that the file has for a kind of operator."]
    lines.append("inline const std::map<std::int32_t, std::string> kBuiltinOperators = {")
    lines += [f"    {{{number}, {quoted(name)}}}," for number, name in builtin_operators()]
    lines += ["};", "", "// XNNPACK's words for the kinds of the schema."]
    lines.append("inline const std::map<std::string, std::vector<std::string>> kXnnpackWords = {")
    for kind, words in table(XNNPACK_WORDS, "XNNPACK_WORDS").items():
        lines.append(f"    {{{quoted(kind)}, {quoted_list(words)}}},")
    lines += ["};", "", "// The runtimes that a job may name, by the file's format."]
    lines.append("inline const std::map<std::string, std::vector<std::string>> kRuntimes = {")
    for name, runtimes in table(RUNTIMES, "RUNTIMES").items():
        lines.append(f"    {{{quoted(name)}, {quoted_list(runtimes)}}},")
    lines += ["};", "", "}  // namespace harness", ""]
    return HEAD + "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(header())
