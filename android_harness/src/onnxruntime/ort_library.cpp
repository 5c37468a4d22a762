#include "onnxruntime/ort_library.h"

#include <dlfcn.h>

#include <cstdlib>

#include "job/failure.h"
#include "session/libraries.h"

namespace harness::ort {

namespace {

constexpr char kRuntime[] = "onnxruntime";

[[noreturn]] void miss(const std::string& why) {
  throw Failure("missing_runtime", std::string(kRuntime) + " is not to be had: " + why);
}

}  // namespace

Library::Library(const Libraries& libraries) {
  const std::vector<std::string> names = {"libonnxruntime.so.1", "libonnxruntime.so"};
  const auto path = find_library(libraries, names);
  if (!path) miss(not_found(libraries, names));
  // Otherwise it writes into the home directory when it is loaded, and calls its maker.
  setenv("ORT_DISABLE_TELEMETRY", "1", 1);
  void* library = open_library(kRuntime, *path);
  using GetApiBase = const ApiBase* (*)();
  const auto get = reinterpret_cast<GetApiBase>(dlsym(library, "OrtGetApiBase"));
  if (get == nullptr) miss(*path + " has no OrtGetApiBase");
  const ApiBase* base = get();
  api_ = base->GetApi(kApiVersion);
  if (api_ == nullptr) {
    miss(*path + " has no version " + std::to_string(kApiVersion) + " of the C API");
  }
  const auto versions = library_versions(libraries);
  const auto found = versions.find(kRuntime);
  version_ = found == versions.end() ? base->GetVersionString() : found->second;
}

void Library::check(Status* status, const char* kind, const char* before) const {
  if (status == nullptr) return;
  const std::string message = std::string(before) + api_->GetErrorMessage(status);
  api_->ReleaseStatus(status);
  throw Failure(kind, message);
}

}  // namespace harness::ort
