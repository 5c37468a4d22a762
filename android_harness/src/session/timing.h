// The latency of a file: warm-up, then turns of inferences until it is known well enough.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "job/job.h"
#include "job/result.h"
#include "session/session.h"

namespace harness {

// Nanoseconds of the monotonic clock.
std::int64_t clock_ns();

// Decides on one more turn, asked before each: with how many samples there are, and
// whether the plan's own stop rule is met.
using TurnWanted = std::function<bool(std::size_t samples, bool enough)>;

// Takes turns with `input` for as long as they are wanted; times, states and shares go to `result`.
// What is `unasked` about the machine kept another run waiting. Failure "runtime_failed".
void time_session(Session& session, const std::vector<std::byte>& input, const Plan& plan,
                  const std::vector<std::string>& unasked, Result& result,
                  const TurnWanted& wanted);

}  // namespace harness
