// A .tflite file in LiteRT: loaded, compiled for a processor, with memory for input and output.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "arrays/tensor.h"
#include "litert/litert_library.h"

namespace harness {

struct LiteRtOptions {
  std::string runtime;
  Accelerator accelerator;
  bool builtin_kernels;
  int threads;
  bool profiled;
};

// Calls throw Failure as Session's do. Handles are freed in the reverse order of their making.
class LiteRtModel {
 public:
  LiteRtModel(const Libraries& libraries, LiteRtOptions options);

  void load(const std::string& path);
  void prepare();

  void feed(const std::vector<std::byte>& tensor);
  void run();
  const std::vector<std::byte>& read_output();

  const TensorType& input() const { return input_; }
  const TensorType& output() const { return output_; }
  // True where no operator is left to the processor's own kernels.
  bool is_fully_accelerated() const;
  void* subgraph() const { return subgraph_; }
  void* compiled() const { return compiled_.get(); }
  const LiteRtLibrary& library() const { return library_; }

 private:
  using Handle = std::shared_ptr<void>;

  Handle owned(const char* destroy, void* handle) const;
  Handle environment() const;
  Handle options() const;
  void add_options(void* options, const char* part, const std::string& toml) const;
  TensorType tensor_type(const char* get, LiteRtTensorType& type) const;
  Handle buffer(const char* needs, LiteRtTensorType& type, std::size_t bytes) const;
  void check_accelerator() const;

  LiteRtOptions asked_;
  LiteRtLibrary library_;
  Handle environment_, model_, options_, compiled_;
  void* subgraph_ = nullptr;
  LiteRtTensorType input_type_{}, output_type_{};
  TensorType input_, output_;
  Handle input_buffer_, output_buffer_;
  std::vector<std::byte> answer_;
  // Of run(), which is timed: looked up once.
  int (*run_)(void*, std::size_t, std::size_t, void**, std::size_t, void**) = nullptr;
  void* inputs_[1] = {nullptr};
  void* outputs_[1] = {nullptr};
};

}  // namespace harness
