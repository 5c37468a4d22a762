// The job of the runner; bench/on_device/job_format.py documents the JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace harness {

constexpr int kVersion = 3;

struct Plan {
  std::int64_t warmup_runs;
  double warmup_s;
  std::int64_t min_samples;
  double precision;
  double time_limit_s;
  double turn_s;
};

struct Images {
  std::vector<std::string> shards;
  double scale;
  double offset;
  std::optional<double> input_scale;
  std::optional<std::int64_t> input_zero_point;
  std::optional<double> output_scale;
  std::optional<std::int64_t> output_zero_point;
  std::vector<std::string> outputs;
};

struct Job {
  std::string artifact;
  std::string format;
  std::string runtime;
  int threads;
  std::optional<std::vector<int>> affinity;
  std::optional<Plan> plan;
  bool in_turns;
  std::optional<Images> images;
  std::optional<int> profile_runs;
  std::vector<std::string> unasked;  // what kept another run waiting
};

// Checked field by field; Failure "bad_job", or "bad_model" where there is no such file.
Job read_job(const std::string& text);

}  // namespace harness
