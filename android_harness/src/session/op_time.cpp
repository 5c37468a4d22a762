#include "session/op_time.h"

#include <algorithm>
#include <numeric>

namespace harness {

OpTime op_time(std::optional<std::string> name, std::string kind, std::vector<double> times_us,
               std::optional<bool> delegated) {
  std::sort(times_us.begin(), times_us.end());
  const auto quarter = static_cast<std::ptrdiff_t>(times_us.size() / 4);
  const auto first = times_us.begin() + quarter, last = times_us.end() - quarter;
  const double mean_ns =
      1000 * std::accumulate(first, last, 0.0) / static_cast<double>(last - first);
  return {std::move(name), std::move(kind), mean_ns, delegated};
}

}  // namespace harness
