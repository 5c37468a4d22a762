#include "session/timing.h"

#include <time.h>

#include <algorithm>
#include <cmath>

#include "machine/cpu_quota.h"
#include "machine/machine.h"
#include "machine/machine_watch.h"
#include "session/median.h"

namespace harness {

namespace {

constexpr double kWarmupWindowS = 0.05;
constexpr double kFalling = 0.98;  // of the window before: below that, inferences still get faster
constexpr std::int64_t kMostRoom = 1 << 20;
constexpr double kLongestTurnNs = 4e18;  // more, added to the clock, is no 64-bit number

// Times of the inferences of one turn; the first, on caches that others had, is not counted.
void take_turn(Session& session, double turn_s, std::vector<std::int64_t>& times) {
  const auto turn_ns =
      static_cast<std::int64_t>(std::nearbyint(std::min(turn_s * 1e9, kLongestTurnNs)));
  std::int64_t before = clock_ns();
  session.run();
  std::int64_t after = clock_ns();
  // Room for all of them, so that none is made between two inferences.
  const std::int64_t expected = turn_ns / std::max<std::int64_t>(after - before, 1);
  times.clear();
  times.reserve(static_cast<std::size_t>(std::min(expected, kMostRoom) * 4 + 64));
  after = clock_ns();
  const std::int64_t end = after + turn_ns;
  while (after < end || times.empty()) {
    before = clock_ns();
    session.run();
    after = clock_ns();
    times.push_back(after - before);
  }
}

double median_of(const std::vector<std::int64_t>& times) {
  return median(std::vector<double>(times.begin(), times.end()));
}

// Infer until two windows in a row are no faster than the one before them.
void warm_up(Session& session, const Plan& plan, Result& result) {
  const double begun = monotonic_s();
  std::int64_t runs = 0;
  int steady = 0;
  std::optional<double> before;
  std::vector<std::int64_t> window;
  while (runs < plan.warmup_runs || (steady < 2 && monotonic_s() - begun < plan.warmup_s)) {
    take_turn(session, std::min(kWarmupWindowS, plan.warmup_s), window);
    runs += 1 + static_cast<std::int64_t>(window.size());
    const double now = median_of(window);
    steady = before && now >= *before * kFalling ? steady + 1 : 0;
    before = now;
  }
  result.warmup_runs = runs;
  if (runs > 0) result.warmup_stable = steady >= 2;
}

// The stop rule. The interval is that of the sign test: order statistics of the medians.
bool is_enough(const Plan& plan, const std::vector<double>& medians, double spent_s,
               std::size_t samples) {
  if (spent_s >= plan.time_limit_s) return !medians.empty();
  if (plan.precision == 0 || samples < static_cast<std::size_t>(plan.min_samples)) return false;
  const std::optional<std::size_t> rank = interval_rank(medians.size());
  if (!rank) return false;
  std::vector<double> ordered = medians;
  std::sort(ordered.begin(), ordered.end());
  const double width = ordered[ordered.size() - 1 - *rank] - ordered[*rank];
  return width <= 2 * plan.precision * median(medians);
}

void take_turns(Session& session, const Plan& plan, MachineWatch& watch, Result& result,
                const TurnWanted& wanted) {
  std::vector<double> medians;
  std::vector<std::int64_t> times;
  double spent_s = 0;
  std::optional<std::int64_t> zero;
  Shares shares;
  QuotaWatch quota;
  while (wanted(result.samples_ns.size(),
                is_enough(plan, medians, spent_s, result.samples_ns.size()))) {
    shares.begin();
    quota.begin();
    const std::int64_t start = clock_ns();
    take_turn(session, plan.turn_s, times);
    quota.end();
    shares.end();
    if (!zero) zero = start;
    result.turns.push_back({start - *zero, static_cast<std::int64_t>(times.size())});
    result.samples_ns.insert(result.samples_ns.end(), times.begin(), times.end());
    medians.push_back(median_of(times));
    spent_s += static_cast<double>(clock_ns() - start) / 1e9;
    watch.glance();
  }
  result.others_share = shares.others();
  result.stolen_share = shares.stolen();
  result.cpu_quota = quota.found();
}

}  // namespace

std::int64_t clock_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
}

void time_session(Session& session, const std::vector<std::byte>& input, const Plan& plan,
                  const std::vector<std::string>& unasked, Result& result,
                  const TurnWanted& wanted) {
  session.feed(input);
  MachineWatch watch(unasked);
  watch.look();
  result.unanswered = watch.unanswered();
  const std::int64_t before = clock_ns();
  session.run();
  result.first_inference_ns = clock_ns() - before;
  warm_up(session, plan, result);
  result.os_threads = count_threads();
  take_turns(session, plan, watch, result, wanted);
  watch.look();
  result.states = watch.states();
  result.unanswered = watch.unanswered();
}

}  // namespace harness
