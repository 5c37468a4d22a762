#include "job/job_fields.h"

#include <charconv>
#include <cmath>
#include <set>
#include <sstream>
#include <vector>

#include "job/failure.h"

namespace harness {

namespace {

// A job has three levels; what destroys or prints a value calls itself for each.
constexpr int kMaxDepth = 16;
constexpr double kOutOfRange = 1e12;

[[noreturn]] void refuse(const std::string& message) { throw Failure("bad_job", message); }

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::kInt: return "int";
    case Kind::kNumber: return "float";
    case Kind::kText: return "str";
    case Kind::kBool: return "bool";
    case Kind::kList: return "list";
    case Kind::kObject: return "dict";
  }
  return "unknown";
}

bool fits(const Json& value, Kind kind) {
  switch (kind) {
    case Kind::kInt: return value.is_number_integer();
    case Kind::kNumber: return value.is_number();
    case Kind::kText: return value.is_string();
    case Kind::kBool: return value.is_boolean();
    case Kind::kList: return value.is_array();
    case Kind::kObject: return value.is_object();
  }
  return false;
}

std::string listed(const std::vector<std::string>& names) {
  std::string made;
  for (const std::string& name : names) made += (made.empty() ? "'" : ", '") + name + "'";
  return "[" + made + "]";
}

// Looks at each event of the parser, so that what is wrong ends it before it takes memory.
class Strict {
 public:
  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kMaxDepth) refuse("the job is not JSON: it is nested too deep");
    if (event == Json::parse_event_t::object_start) keys_.emplace_back();
    if (event == Json::parse_event_t::object_end) keys_.pop_back();
    if (event == Json::parse_event_t::key && !keys_.back().insert(parsed).second) {
      refuse("the job has the key " + shown(parsed) + " twice");
    }
    return true;
  }

 private:
  std::vector<std::set<std::string>> keys_;
};

constexpr int kEscape = 6;  // characters: \uXXXX

// The UTF-16 unit of the escape at `at`; -1 where there is none.
int unit_at(const std::string& text, std::size_t at) {
  if (text.compare(at, 2, "\\u") != 0 || at + kEscape > text.size()) return -1;
  int unit = 0;
  const char* first = &text[at + 2];
  const auto read = std::from_chars(first, first + 4, unit, 16);
  return read.ptr == first + 4 ? unit : -1;
}

// Python writes a byte of a name that is no UTF-8 as half a surrogate pair, \udc80 to \udcff, which
// the parser refuses. It becomes a whole one, of U+10FF00 plus the byte, which nobody uses.
std::string with_whole_pairs(const std::string& text) {
  if (text.find("\\udc") == std::string::npos) return text;
  std::string made;
  for (std::size_t at = 0; at < text.size();) {
    const int unit = unit_at(text, at), next = unit < 0 ? -1 : unit_at(text, at + kEscape);
    std::size_t length = text[at] == '\\' ? 2 : 1;
    if (unit >= 0) length = unit >> 10 == 0x36 && next >> 10 == 0x37 ? 2 * kEscape : kEscape;
    if (unit >= 0xdc80 && unit <= 0xdcff) {
      made += "\\udbff\\udf" + text.substr(at + 4, 2);
    } else {
      made.append(text, at, length);
    }
    at += length;
  }
  return made;
}

// The bytes that with_whole_pairs() has kept in a text, or in those of a list or an object.
void restore_bytes(Json& value) {
  if (value.is_structured()) {
    for (Json& inner : value) restore_bytes(inner);
  }
  if (!value.is_string()) return;
  std::string& text = value.get_ref<std::string&>();
  for (std::size_t at = 0; (at = text.find("\xf4\x8f", at)) != std::string::npos; ++at) {
    const int high = static_cast<unsigned char>(text[at + 2]) - 0xbc;  // U+10FF80 to U+10FFFF
    if (high < 2) continue;
    text.replace(at, 4, 1, static_cast<char>(high << 6 | (text[at + 3] & 0x3f)));
  }
}

}  // namespace

Json parse_json(const std::string& text) {
  // The parser would skip it.
  if (text.compare(0, 3, "\xef\xbb\xbf") == 0)
    refuse("the job is not JSON: it has a byte order mark");
  try {
    std::istringstream stream(with_whole_pairs(text));
    Json parsed = read_json(stream, Strict());
    restore_bytes(parsed);
    return parsed;
  } catch (const Json::exception& error) {
    const std::string said = error.what();
    refuse("the job is not JSON: " + said.substr(0, 200));
  }
}

void check_fields(const Json& value, const Fields& fields, const std::string& where) {
  std::vector<std::string> found, expected;
  for (const auto& field : fields) expected.push_back(field.first);
  if (!value.is_object()) {
    refuse(where + " has " + value.type_name() + "; expected " + listed(expected));
  }
  for (const auto& item : value.items()) found.push_back(item.key());
  if (found != expected) {
    refuse(where + " has " + listed(found).substr(0, 200) + "; expected " + listed(expected));
  }
  for (const auto& [key, field] : fields) {
    const Json& given = value[key];
    if (given.is_null() && field.or_null) continue;
    const std::string name = where + "." + key;
    if (!fits(given, field.kind)) {
      const std::string or_null = field.or_null ? " or null" : "";
      refuse(name + " is " + shown(given) + "; expected " + name_of(field.kind) + or_null);
    }
    if (given.is_number() && !(std::abs(given.get<double>()) < kOutOfRange)) {
      refuse(name + " is out of range; expected a finite number");
    }
  }
}

std::string shown(const Json& value) { return in_one_line(value).substr(0, 80); }

}  // namespace harness
