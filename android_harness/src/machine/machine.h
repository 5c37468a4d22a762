// The process that we are, as the system tells of it, and the machine's lasting properties.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace harness {

double monotonic_s();

// Cores that this process may use; none where the system does not tell.
std::optional<std::vector<int>> affinity();
// Failure "bad_job" where they cannot be had.
void pin(const std::vector<int>& cores);
std::optional<int> count_threads();
// VmHWM, the largest resident memory of this process so far.
std::optional<std::int64_t> peak_rss_bytes();
// Wait until this process sleeps with all its threads, so that the next has the cores.
void settle();

// The processors' users between begin and end, added up over turns.
class Shares {
 public:
  void begin();
  void end();
  std::optional<double> others() const;
  std::optional<double> stolen() const;

 private:
  struct Times {
    double total, busy, steal, own;
  };
  static std::optional<Times> read();

  std::optional<Times> before_;
  Times sum_{0, 0, 0, 0};
};

// The fields of bench/measurement/environment.py as one line of JSON; `versions` of the runtimes by
// package.
std::string environment_json(const std::vector<std::string>& libraries,
                             const std::string& root = "/");

}  // namespace harness
