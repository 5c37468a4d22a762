// The division of a file between LiteRT and its delegate, and the time of each operator.

#include <algorithm>

#include "job/failure.h"
#include "litert/litert.h"
#include "litert/litert_events.h"
#include "litert/litert_graph.h"
#include "litert/operator_alignment.h"
#include "session/op_time.h"

namespace harness {

namespace {

using Events = std::vector<LiteRtEvent>;

struct Made {
  std::optional<std::string> name;
  std::string kind;
  std::vector<double> times_us;
  bool delegated;
};

// The division of the graph: the operators that ran inside the delegate, by piece.
struct Division {
  std::vector<bool> inside;
  std::vector<std::vector<std::size_t>> pieces;
};

// Operators inside have no event under their own numbers. Others, after the file's, are whole
// pieces of a delegate.
Division divide(const Events& events, const std::vector<LiteRtOperator>& own) {
  std::vector<bool> inside(own.size(), true);
  for (const LiteRtEvent& event : events) {
    if (!event.of_delegate && event.number < own.size()) inside[event.number] = false;
  }
  auto pieces = pieces_of(own, inside);
  return {std::move(inside), std::move(pieces)};
}

Delegate delegate_of(const Division& division, const std::vector<LiteRtOperator>& own) {
  const auto inside = std::count(division.inside.begin(), division.inside.end(), true);
  Delegate made{static_cast<int>(inside), static_cast<int>(division.pieces.size()), {}};
  for (std::size_t at = 0; at < own.size(); ++at) {
    if (division.inside[at]) continue;
    const auto known = std::find_if(made.outside.begin(), made.outside.end(),
                                    [&](const auto& pair) { return pair.first == own[at].kind; });
    if (known == made.outside.end()) {
      made.outside.emplace_back(own[at].kind, 1);
    } else {
      ++known->second;
    }
  }
  std::stable_sort(made.outside.begin(), made.outside.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return made;
}

void check_alike(const std::vector<Events>& runs) {
  const auto alike = [](const LiteRtEvent& a, const LiteRtEvent& b) {
    return a.tag == b.tag && a.of_delegate == b.of_delegate && a.number == b.number;
  };
  for (const Events& run : runs) {
    if (!std::equal(run.begin(), run.end(), runs[0].begin(), runs[0].end(), alike)) {
      throw Failure("no_profile", "LiteRT profiled other operators from run to run");
    }
  }
}

// XNNPACK's operators of one piece, at those positions of `made`, get the name and kind of what
// they compute of the file. Several that were fused are joined, as ADD+MUL.
void name_piece(const std::vector<std::size_t>& positions, const std::vector<std::size_t>& piece,
                const std::vector<LiteRtOperator>& own, std::vector<Made>& made) {
  std::vector<std::size_t> running;
  std::vector<std::string> kinds, tags;
  for (std::size_t number : piece) {
    if (!own[number].name) continue;
    running.push_back(number);
    kinds.push_back(own[number].kind);
  }
  for (std::size_t position : positions) tags.push_back(made[position].kind);
  const auto found = aligned(kinds, tags);
  for (std::size_t at = 0; at < positions.size(); ++at) {
    if (found[at].empty()) continue;
    Made& op = made[positions[at]];
    op.name = own[running[found[at].back()]].name;
    op.kind.clear();
    for (std::size_t member : found[at]) op.kind += (op.kind.empty() ? "" : "+") + kinds[member];
  }
}

std::vector<OpTime> profile_of(const std::vector<Events>& runs,
                               const std::vector<LiteRtOperator>& own, const Division& division) {
  check_alike(runs);
  std::vector<Made> made;
  std::vector<std::vector<std::size_t>> inside;
  std::optional<std::uint64_t> last;
  for (std::size_t position = 0; position < runs[0].size(); ++position) {
    const LiteRtEvent& event = runs[0][position];
    std::vector<double> times_us;
    for (const Events& run : runs) {
      times_us.push_back(static_cast<double>(run[position].time_us));
    }
    if (event.of_delegate) {
      if (!last || event.number <= *last) inside.emplace_back();
      last = event.number;
      inside.back().push_back(made.size());
      made.push_back({event.tag, event.tag, std::move(times_us), true});
    } else if (event.number < own.size()) {
      last.reset();
      const LiteRtOperator& op = own[event.number];
      made.push_back({op.name, op.kind, std::move(times_us), false});
    }
  }
  if (!division.pieces.empty() && inside.empty()) {
    throw Failure("no_profile", "LiteRT's profile does not look inside the delegate");
  }
  // Otherwise the delegate's own names are all that is known.
  if (inside.size() == division.pieces.size()) {
    for (std::size_t at = 0; at < inside.size(); ++at) {
      name_piece(inside[at], division.pieces[at], own, made);
    }
  }
  std::vector<OpTime> times;
  for (Made& op : made) {
    times.push_back(op_time(op.name, op.kind, std::move(op.times_us), op.delegated));
  }
  return times;
}

}  // namespace

Profiled profile_litert(const Job& job, const Libraries& libraries,
                        const std::vector<std::byte>& input) {
  LiteRtOptions options = litert_options(job);
  options.profiled = true;
  LiteRtModel model(libraries, options);
  model.load(job.artifact);
  model.prepare();
  model.feed(input);
  const std::vector<LiteRtOperator> own = operators_of(model);
  if (!job.profile_runs) return {delegate_of(divide(profiled_run(model), own), own), {}};
  for (int run = 0; run < kProfileWarmupRuns; ++run) model.run();
  std::vector<Events> runs;
  for (int run = 0; run < *job.profile_runs; ++run) runs.push_back(profiled_run(model));
  const Division division = divide(runs[0], own);
  return {delegate_of(division, own), profile_of(runs, own, division)};
}

}  // namespace harness
