// An operator as a result gives it, from its times in several runs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "job/result.h"

namespace harness {

// Runs with a profiler on before those that count.
constexpr int kProfileWarmupRuns = 5;

// The mean of the middle half of its times, since a single run in which another process had the
// core would outweigh all others. `times_us` is not empty.
OpTime op_time(std::optional<std::string> name, std::string kind, std::vector<double> times_us,
               std::optional<bool> delegated);

}  // namespace harness
