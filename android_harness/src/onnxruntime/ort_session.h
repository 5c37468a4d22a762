// A .onnx file in ONNX Runtime's CPU provider; the runtime prepares while it loads.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "onnxruntime/ort_library.h"

namespace harness::ort {

class OnnxSession : public harness::Session {
 public:
  // `profile`: where the profile goes, by the beginning of its path; empty for none.
  OnnxSession(const Libraries& libraries, int threads, const std::string& profile = "");

  std::optional<std::string> version() const override { return library_.version(); }
  void load(const std::string& path) override;
  bool prepares() const override { return false; }
  void prepare() override {}
  const TensorType& input() const override { return input_.type; }
  const TensorType& output() const override { return output_.type; }
  void feed(const std::vector<std::byte>& tensor) override;
  void run() override;
  const std::byte* read_output() override;

  // The path of the profile, which is whole then.
  std::string end_profiling();

 private:
  // The one input or output.
  struct End {
    std::string name;
    TensorType type;
    bool is_fixed = false;  // its shape is in the file
    OwnedValue value;
  };

  void check(Status* status) const;
  using NameOf = Call<const InferenceSession*, std::size_t, Allocator*, char**>;
  using TypeOf = Call<const InferenceSession*, std::size_t, TypeInfo**>;
  End described(const char* which, NameOf name, TypeOf type) const;
  TensorType type_of(const TensorInfo* info, const char* which) const;
  OwnedValue allocated(const TensorType& type) const;
  std::byte* data_of(const End& end) const;
  std::string taken(char* text) const;

  Library library_;
  // A failure while the file is loaded is the file's fault.
  const char* kind_ = "bad_model";
  const char* before_ = "";
  Allocator* allocator_ = nullptr;  // the library's own
  OwnedEnv env_;
  OwnedOptions options_;
  OwnedSession session_;
  End input_, output_;
};

}  // namespace harness::ort
