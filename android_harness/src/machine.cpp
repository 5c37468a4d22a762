#include "machine.h"

#include "failure.h"

namespace harness {

State read_state(double, const std::string&) { throw Failure("runtime_failed", "not written yet"); }
double monotonic_s() { throw Failure("runtime_failed", "not written yet"); }
std::optional<std::vector<int>> affinity() { return {}; }
void pin(const std::vector<int>&) { throw Failure("runtime_failed", "not written yet"); }
std::optional<int> count_threads() { return {}; }
std::optional<std::int64_t> peak_rss_bytes() { return {}; }
void settle() {}
void Shares::begin() {}
void Shares::end() {}
std::optional<double> Shares::others() const { return {}; }
std::optional<double> Shares::stolen() const { return {}; }
std::string environment_json(const std::vector<std::string>&, const std::string&) { throw Failure("runtime_failed", "not written yet"); }

}  // namespace harness
