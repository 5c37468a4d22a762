#include "job/json.h"

#include <sstream>

namespace harness {

Json read_json(std::istream& text, const Json::parser_callback_t& look) {
  return Json::parse(text, look);
}

Json json_or_none(const std::string& text) {
  std::istringstream stream(text);
  return Json::parse(stream, nullptr, /*allow_exceptions=*/false);
}

std::string in_one_line(const Json& value) {
  return value.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string in_one_line(const OrderedJson& value) {
  return value.dump(-1, ' ', true, OrderedJson::error_handler_t::replace);
}

}  // namespace harness
