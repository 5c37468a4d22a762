#include "job/result.h"

#include "job/job.h"
#include "job/json.h"

namespace harness {

namespace {

template <typename T>
OrderedJson or_null(const std::optional<T>& value) {
  return value ? OrderedJson(*value) : OrderedJson(nullptr);
}

OrderedJson as_json(const State& state) {
  return {{"at_s", state.at_s},
          {"load_average", or_null(state.load_average)},
          {"governors", state.governors},
          {"frequency_khz", state.frequency_khz},
          {"temperature_c", or_null(state.temperature_c)},
          {"throttled", or_null(state.throttled)}};
}

OrderedJson as_json(const Delegate& delegate) {
  OrderedJson outside = OrderedJson::object();
  for (const auto& [kind, count] : delegate.outside) outside[kind] = count;
  return {{"inside", delegate.inside}, {"pieces", delegate.pieces}, {"outside", outside}};
}

OrderedJson as_json(const CpuQuota& quota) {
  return {{"cores", quota.cores},
          {"file", quota.file},
          {"throttled_periods", quota.throttled_periods},
          {"throttled_ns", quota.throttled_ns}};
}

OrderedJson as_json(const OpTime& op) {
  return {{"name", or_null(op.name)},
          {"kind", op.kind},
          {"mean_ns", op.mean_ns},
          {"delegated", or_null(op.delegated)}};
}

OrderedJson as_json(const Turn& turn) { return OrderedJson::array({turn.start_ns, turn.samples}); }

OrderedJson as_json(const Error& error) {
  return {{"kind", error.kind}, {"message", error.message}};
}

template <typename T>
OrderedJson all_as_json(const std::vector<T>& values) {
  OrderedJson made = OrderedJson::array();
  for (const T& value : values) made.push_back(as_json(value));
  return made;
}

template <typename T>
OrderedJson as_json_or_null(const std::optional<T>& value) {
  return value ? as_json(*value) : OrderedJson(nullptr);
}

}  // namespace

std::string to_json(const Result& result) {
  const OrderedJson made = {{"version", kVersion},
                            {"runtime", or_null(result.runtime)},
                            {"runtime_version", or_null(result.runtime_version)},
                            {"threads", or_null(result.threads)},
                            {"os_threads", or_null(result.os_threads)},
                            {"load_ns", or_null(result.load_ns)},
                            {"prepare_ns", or_null(result.prepare_ns)},
                            {"first_inference_ns", or_null(result.first_inference_ns)},
                            {"warmup_runs", or_null(result.warmup_runs)},
                            {"warmup_stable", or_null(result.warmup_stable)},
                            {"others_share", or_null(result.others_share)},
                            {"stolen_share", or_null(result.stolen_share)},
                            {"affinity", or_null(result.affinity)},
                            {"samples_ns", result.samples_ns},
                            {"turns", all_as_json(result.turns)},
                            {"states", all_as_json(result.states)},
                            {"peak_rss_bytes", or_null(result.peak_rss_bytes)},
                            {"images", result.images},
                            {"error", as_json_or_null(result.error)},
                            {"delegate", as_json_or_null(result.delegate)},
                            {"profile", all_as_json(result.profile)},
                            {"unanswered", result.unanswered},
                            {"cpu_quota", as_json_or_null(result.cpu_quota)}};
  return in_one_line(made);
}

}  // namespace harness
