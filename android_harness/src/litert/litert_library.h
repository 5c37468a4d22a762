// LiteRT's C API, as far as it is used, out of libLiteRt.so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "session/session.h"

namespace harness {

// As litert_model_types.h and litert_layout.h have it.
struct LiteRtTensorType {
  std::int32_t element;
  std::uint32_t rank_and_strided;  // the rank is in the lower 7 bits
  std::int32_t dimensions[8];
  std::uint32_t strides[8];
};

// As litert_environment_options.h has it, for texts.
struct LiteRtEnvironmentOption {
  std::int32_t tag;
  struct {
    std::int32_t type;
    union {
      const char* text;
      std::int64_t whole;  // pointers of 32 bits lie where this one does
    };
  } value;
};

enum class Accelerator : std::int32_t { kCpu = 1, kGpu = 2, kNpu = 4 };

// The functions by their names after "LiteRt"; each gives a status but those that
// destroy. Handles are pointers to what only the library knows.
class LiteRtLibrary {
 public:
  // Failure "missing_runtime" where it is not there, cannot be opened, or lacks a function.
  explicit LiteRtLibrary(const std::string& runtime, const Libraries& libraries);

  // The folder that it was found in; accelerators lie beside it.
  const std::string& folder() const { return folder_; }

  template <typename Function>
  Function* function(const char* name) const {
    return reinterpret_cast<Function*>(symbol(name));
  }

  // Failure `kind` where that function ends in a status that is not 0.
  template <typename... Arguments>
  void call(const char* kind, const char* name, Arguments... arguments) const {
    check(kind, name, function<int(Arguments...)>(name)(arguments...));
  }

  // The object that a function hands out through its last argument.
  template <typename... Arguments>
  void* made(const char* kind, const char* name, Arguments... arguments) const {
    void* handle = nullptr;
    call(kind, name, arguments..., &handle);
    return handle;
  }

  void destroy(const char* name, void* handle) const {
    if (handle != nullptr) function<void(void*)>(name)(handle);
  }

  void check(const char* kind, const char* name, int status) const;

 private:
  void* symbol(const char* name) const;

  std::string runtime_;
  std::string folder_;
  void* library_;
};

}  // namespace harness
