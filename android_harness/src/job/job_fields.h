// JSON that must have certain fields of certain types.
#pragma once

#include <map>
#include <string>

#include "job/json.h"

namespace harness {

enum class Kind { kInt, kNumber, kText, kBool, kList, kObject };

struct Field {
  Kind kind;
  bool or_null = false;
};

using Fields = std::map<std::string, Field>;

// Failure "bad_job" where it is not JSON, has a key twice or is nested deeper than a job can be.
// Names of files that are no UTF-8 come back as their bytes.
Json parse_json(const std::string& text);

// Failure "bad_job" unless `value` is an object with exactly these fields and types.
void check_fields(const Json& value, const Fields& fields, const std::string& where);

// A value in a message, in at most 80 characters.
std::string shown(const Json& value);

}  // namespace harness
