#include "litert/litert_library.h"

#include <dlfcn.h>

#include "job/failure.h"
#include "session/libraries.h"

namespace harness {

namespace {

const char* kName = "libLiteRt.so";

// Those of litert_common.h that a file or a device can bring about.
std::string name_of_status(int status) {
  switch (status) {
    case 1: return "invalid argument";
    case 2: return "out of memory";
    case 3: return "runtime failure";
    case 5: return "unsupported";
    case 6: return "not found";
    case 8: return "wrong version";
    case 500: return "file cannot be read";
    case 501: return "not a .tflite file";
    case 502: return "library cannot be loaded";
    case 504: return "compilation failed";
    default: return "status " + std::to_string(status);
  }
}

}  // namespace

LiteRtLibrary::LiteRtLibrary(const std::string& runtime, const Libraries& libraries)
    : runtime_(runtime) {
  const auto path = find_library(libraries, {kName});
  if (!path) {
    throw Failure("missing_runtime",
                  runtime + " is not to be had: " + not_found(libraries, {kName}));
  }
  folder_ = path->substr(0, path->rfind('/'));
  library_ = open_library(runtime, *path);
}

void LiteRtLibrary::check(const char* kind, const char* name, int status) const {
  if (status == 0) return;
  const std::string found = kind;
  const char* what = found == "bad_model"         ? " cannot load it: "
                     : found == "missing_runtime" ? " is not to be had: "
                                                  : " failed: ";
  throw Failure(kind, runtime_ + what + "LiteRt" + name + ": " + name_of_status(status));
}

void* LiteRtLibrary::symbol(const char* name) const {
  void* found = dlsym(library_, (std::string("LiteRt") + name).c_str());
  if (found == nullptr) {
    throw Failure("missing_runtime", runtime_ + " is not to be had: " + kName + " in " + folder_ +
                                         " has no function LiteRt" + name);
  }
  return found;
}

}  // namespace harness
