#include "session/libraries.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include <fstream>

#include "job/failure.h"
#include "job/json.h"

namespace harness {

namespace {

bool is_file(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string made;
  for (const std::string& word : words) made += (made.empty() ? "" : between) + word;
  return made;
}

}  // namespace

std::vector<std::string> find_libraries(const Libraries& libraries,
                                        const std::vector<std::string>& names) {
  std::vector<std::string> found;
  for (const std::string& folder : libraries) {
    for (const std::string& name : names) {
      if (is_file(folder + "/" + name)) found.push_back(folder + "/" + name);
    }
  }
  return found;
}

std::optional<std::string> find_library(const Libraries& libraries,
                                        const std::vector<std::string>& names) {
  const std::vector<std::string> found = find_libraries(libraries, names);
  if (found.empty()) return std::nullopt;
  return found.front();
}

std::map<std::string, std::string> library_versions(const Libraries& libraries) {
  std::map<std::string, std::string> versions;
  for (const std::string& path : find_libraries(libraries, {"versions.json"})) {
    try {
      std::ifstream file(path);
      const auto read = read_json(file).get<std::map<std::string, std::string>>();
      versions.insert(read.begin(), read.end());
    } catch (const Json::exception& error) {
      throw Failure("missing_runtime",
                    path + " is not an object of names and versions: " + error.what());
    }
  }
  return versions;
}

void* open_library(const std::string& runtime, const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library != nullptr) return library;
  const char* said = dlerror();
  throw Failure("missing_runtime", runtime + " is not to be had: " + (said ? said : path.c_str()));
}

std::string not_found(const Libraries& libraries, const std::vector<std::string>& names) {
  const std::string where = libraries.empty() ? "the folders of --libraries, of which none is given"
                                              : joined(libraries, ", ");
  return "no " + joined(names, " or ") + " in " + where;
}

}  // namespace harness
