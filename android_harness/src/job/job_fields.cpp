#include "job/job_fields.h"

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

}  // namespace

Json parse_json(const std::string& text) {
  // The parser would skip it.
  if (text.compare(0, 3, "\xef\xbb\xbf") == 0)
    refuse("the job is not JSON: it has a byte order mark");
  try {
    std::istringstream stream(text);
    return read_json(stream, Strict());
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
