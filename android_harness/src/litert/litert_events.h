// The events of LiteRT's profiler in one run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "litert/litert_model.h"

namespace harness {

// `number` is that of the file's operator or of a piece of the delegate, which count on after the
// file's; of an operator inside the delegate it counts from 0 in each of its pieces.
struct LiteRtEvent {
  std::string tag;
  bool of_delegate;
  std::uint64_t number;
  std::uint64_t time_us;
};

// Runs a model that was made with its profiler on; the events of operators, in order. Failure
// "no_profile", "runtime_failed".
std::vector<LiteRtEvent> profiled_run(LiteRtModel& model);

}  // namespace harness
