// ONNX Runtime, loaded; what its C API hands out, owned.
#pragma once

#include <memory>
#include <string>

#include "onnxruntime/ort_api.h"
#include "session/session.h"

namespace harness::ort {

// Releases by the function of that place in the table.
template <typename T, void (*Api::*kRelease)(T*)>
struct Release {
  const Api* api = nullptr;
  void operator()(T* made) const { (api->*kRelease)(made); }
};

using OwnedEnv = std::unique_ptr<Env, Release<Env, &Api::ReleaseEnv>>;
using OwnedOptions =
    std::unique_ptr<SessionOptions, Release<SessionOptions, &Api::ReleaseSessionOptions>>;
using OwnedSession =
    std::unique_ptr<InferenceSession, Release<InferenceSession, &Api::ReleaseSession>>;
using OwnedValue = std::unique_ptr<Value, Release<Value, &Api::ReleaseValue>>;
using OwnedType = std::unique_ptr<TypeInfo, Release<TypeInfo, &Api::ReleaseTypeInfo>>;
using OwnedTensorInfo =
    std::unique_ptr<TensorInfo, Release<TensorInfo, &Api::ReleaseTensorTypeAndShapeInfo>>;

// The table of functions and what is left of a failed call.
class Library {
 public:
  // Looks in those folders; Failure "missing_runtime".
  explicit Library(const Libraries& libraries);

  const Api* operator->() const { return api_; }
  // By versions.json, or by the library's own word.
  const std::string& version() const { return version_; }

  // Failure of that kind, `before` in front of ONNX Runtime's own words, where a call failed.
  void check(Status* status, const char* kind, const char* before = "") const;

  // `made` owned.
  template <typename Owned>
  Owned own(typename Owned::pointer made) const {
    return Owned(made, typename Owned::deleter_type{api_});
  }

 private:
  const Api* api_ = nullptr;
  std::string version_;
};

}  // namespace harness::ort
