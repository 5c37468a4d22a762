// Reads broken jobs: each must end in a job that can be run, or in a failure that says why not.
//
//     fuzz_jobs SEED COUNT [FIRST]
//
// Prints how many ended how, as JSON. The exit code is 1 where one ended otherwise, which is then
// printed with what shows it again.

#include <cmath>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>

#include "broken_job.h"
#include "job/failure.h"
#include "job/job.h"
#include "job/json.h"
#include "job/result.h"

namespace harness::fuzz {
namespace {

// One that is always there; no job is run.
constexpr const char* kArtifact = "/proc/self/exe";
constexpr std::size_t kLongestAnswer = 4096;

// The fault of a job that was read; nothing where it can be run.
std::string fault_of(const Job& job) {
  if (job.threads < 1 || job.threads > 1024) return "threads";
  if (job.in_turns && !job.plan) return "turns without a plan";
  if (job.plan) {
    const Plan& plan = *job.plan;
    if (plan.min_samples < 1 || plan.warmup_runs < 0) return "counts of the plan";
    for (const double figure : {plan.warmup_s, plan.precision, plan.time_limit_s, plan.turn_s}) {
      if (!std::isfinite(figure) || figure < 0) return "figures of the plan";
    }
  }
  for (const int core : job.affinity.value_or(std::vector<int>())) {
    if (core < 0 || core >= 4096) return "affinity";
  }
  if (job.images) {
    if (job.images->shards.size() != job.images->outputs.size()) return "outputs";
    if (!std::isfinite(job.images->scale) || !std::isfinite(job.images->offset)) return "scale";
  }
  if (job.profile_runs && (*job.profile_runs < 1 || *job.profile_runs > 10000)) return "profile";
  return "";
}

// The fault of the answer to a job that was refused.
std::string fault_of(const Failure& failure) {
  if (failure.kind() != "bad_job" && failure.kind() != "bad_model") return "its kind";
  if (exit_code(failure.kind()) != 2) return "its exit code";
  Result result;
  result.error = Error{failure.kind(), failure.what()};
  const std::string answer = to_json(result);
  if (answer.find('\n') != std::string::npos || json_or_none(answer).is_discarded())
    return "no line";
  return answer.size() > kLongestAnswer ? "an answer of " + std::to_string(answer.size()) : "";
}

// The end of it; `fault` says what is wrong with that.
std::string ending_of(const std::string& text, std::string& fault) {
  try {
    fault = fault_of(read_job(text));
    return "read";
  } catch (const Failure& failure) {
    fault = fault_of(failure);
    return failure.kind();
  } catch (const std::exception& error) {
    fault = error.what();
    return "exception";
  }
}

int run(std::uint64_t seed, std::uint64_t count, std::uint64_t first) {
  std::map<std::string, std::uint64_t> counts = {{"jobs", 0}, {"longest_bytes", 0}};
  for (std::uint64_t number = first; number < first + count; ++number) {
    const std::string text = BrokenJob(seed, number, kArtifact).text();
    std::string fault;
    const std::string ending = ending_of(text, fault);
    ++counts["jobs"];
    ++counts[ending];
    counts["longest_bytes"] = std::max<std::uint64_t>(counts["longest_bytes"], text.size());
    if (!fault.empty()) {
      std::cerr << "fuzz_jobs " << seed << " 1 " << number << ": " << ending << ": " << fault
                << "\n"
                << text.substr(0, 2000) << "\n";
      return 1;
    }
  }
  std::cout << in_one_line(Json(counts)) << std::endl;
  return 0;
}

}  // namespace
}  // namespace harness::fuzz

int main(int count, char** words) {
  if (count < 3 || count > 4) {
    std::cerr << "expected fuzz_jobs SEED COUNT [FIRST]\n";
    return 2;
  }
  const auto number = [words](int at) { return std::strtoull(words[at], nullptr, 10); };
  return harness::fuzz::run(number(1), number(2), count > 3 ? number(3) : 0);
}
