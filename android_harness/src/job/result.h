// The answer of the runner; bench/on_device/job_format.py documents the JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace harness {

// The machine at one moment; what it does not tell is empty.
struct State {
  double at_s;
  std::optional<double> load_average;
  std::vector<std::string> governors;
  std::vector<std::int64_t> frequency_khz;  // of core n at place n
  std::optional<double> temperature_c;
  std::optional<std::int64_t> throttled;
};

// Operators outside of the delegate: kind and how many, most first.
struct Delegate {
  int inside;
  int pieces;
  std::vector<std::pair<std::string, int>> outside;
};

// The quota of a control group, in the file that has it; how often and how long, added up over
// cores, it stopped the process in its turns.
struct CpuQuota {
  double cores;
  std::string file;
  std::int64_t throttled_periods;
  std::int64_t throttled_ns;
};

struct OpTime {
  std::optional<std::string> name;
  std::string kind;
  double mean_ns;
  std::optional<bool> delegated;
};

struct Turn {
  std::int64_t start_ns;
  std::int64_t samples;
};

struct Error {
  std::string kind;
  std::string message;
};

struct Result {
  std::optional<std::string> runtime;
  std::optional<std::string> runtime_version;
  std::optional<int> threads;
  std::optional<int> os_threads;
  std::optional<std::vector<int>> affinity;
  std::optional<std::int64_t> load_ns;
  std::optional<std::int64_t> prepare_ns;
  std::optional<std::int64_t> first_inference_ns;
  std::optional<std::int64_t> warmup_runs;
  std::optional<bool> warmup_stable;
  std::vector<std::int64_t> samples_ns;
  std::vector<Turn> turns;
  std::vector<State> states;
  std::optional<double> others_share;
  std::optional<double> stolen_share;
  std::optional<std::int64_t> peak_rss_bytes;
  std::int64_t images = 0;
  std::optional<Delegate> delegate;
  std::vector<OpTime> profile;
  std::vector<std::string> unanswered;
  std::optional<CpuQuota> cpu_quota;
  std::optional<Error> error;
};

// One line of JSON, without the newline.
std::string to_json(const Result& result);

}  // namespace harness
