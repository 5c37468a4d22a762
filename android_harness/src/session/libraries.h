// The runtimes' libraries and their versions.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "session/session.h"

namespace harness {

// The first of `names` in the first of the folders that has one; none where there is no such file.
std::optional<std::string> find_library(const Libraries& libraries,
                                        const std::vector<std::string>& names);

// All of those names that are there, as paths.
std::vector<std::string> find_libraries(const Libraries& libraries,
                                        const std::vector<std::string>& names);

// The versions in versions.json of the folders, by package; Failure "missing_runtime" where one
// cannot be read as such.
std::map<std::string, std::string> library_versions(const Libraries& libraries);

// An opened library, which stays open: runtimes leave threads that still run its code.
// Failure "missing_runtime" with the loader's own words; `runtime` is who needs it.
void* open_library(const std::string& runtime, const std::string& path);

// As "no libLiteRt.so in /a, /b".
std::string not_found(const Libraries& libraries, const std::vector<std::string>& names);

}  // namespace harness
