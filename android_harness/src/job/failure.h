// The end of a job that fails: its kind and message become the result's error.
#pragma once

#include <stdexcept>
#include <string>

namespace harness {

// The kinds of errors and their exit codes are those of bench/on_device/job_format.py.
class Failure : public std::runtime_error {
 public:
  Failure(std::string kind, const std::string& message)
      : std::runtime_error(message), kind_(std::move(kind)) {}

  const std::string& kind() const { return kind_; }

 private:
  std::string kind_;
};

// 2 where the request was wrong, 3 where a runtime or the device failed.
int exit_code(const std::string& kind);

}  // namespace harness
