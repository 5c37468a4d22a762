// A file in a runtime: what can be done with it, whichever runtime that is.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrays/tensor.h"
#include "job/job.h"
#include "job/result.h"

namespace harness {

// Everything here throws Failure: "missing_runtime" when made, "bad_model" while it loads and
// prepares, "runtime_failed" after that.
class Session {
 public:
  virtual ~Session() = default;

  // Of the runtime, as versions.json tells it; known before anything is loaded.
  virtual std::optional<std::string> version() const = 0;
  virtual void load(const std::string& path) = 0;
  // True where preparing is a step of its own; otherwise the runtime prepares while it loads.
  virtual bool prepares() const = 0;
  virtual void prepare() = 0;

  // Of the one input and the one output; known once the file is loaded and prepared.
  virtual const TensorType& input() const = 0;
  virtual const TensorType& output() const = 0;

  // The input's bytes; they are copied, or stay as they are until the next feed.
  virtual void feed(const std::vector<std::byte>& tensor) = 0;
  virtual void run() = 0;
  // Of the last run; valid until the next one.
  virtual const std::byte* read_output() = 0;
};

// The division of a file and the time of each operator; made after all that is timed, since it
// loads the file once more with the runtime's profiler on.
struct Profiled {
  std::optional<Delegate> delegate;  // none for ONNX Runtime
  std::vector<OpTime> operators;  // empty unless the job asks for a profile
};

// Folders in which the runtimes' libraries and versions.json are looked for.
using Libraries = std::vector<std::string>;

// Failure "bad_model" unless a file has one input and one output.
void check_one(std::size_t inputs, std::size_t outputs);

std::unique_ptr<Session> open_litert(const Job& job, const Libraries& libraries);
Profiled profile_litert(const Job& job, const Libraries& libraries,
                        const std::vector<std::byte>& input);

std::unique_ptr<Session> open_onnxruntime(const Job& job, const Libraries& libraries);
Profiled profile_onnxruntime(const Job& job, const Libraries& libraries,
                             const std::vector<std::byte>& input);

}  // namespace harness
