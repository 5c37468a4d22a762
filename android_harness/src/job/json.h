// JSON text, read and written in one place: the library's parser and its writer take a compiler
// seconds in every file that uses them.
#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>
#include <string>

namespace harness {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;  // its fields are written in the order that they came

// Parsed, without the parts that `look` refuses. nlohmann::json::exception where it is not JSON.
Json read_json(std::istream& text, const Json::parser_callback_t& look = nullptr);

// Discarded (is_discarded()) where it is not JSON.
Json json_or_none(const std::string& text);

// In one line of ASCII; what is no UTF-8, as files, runtimes and boards have it, is replaced.
std::string in_one_line(const Json& value);
std::string in_one_line(const OrderedJson& value);

}  // namespace harness
