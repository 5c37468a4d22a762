#include "job/job.h"

#include <sys/stat.h>

#include <algorithm>

#include "job/failure.h"
#include "job/job_fields.h"
#include "tables.h"

namespace harness {

namespace {

constexpr std::int64_t kMaxThreads = 1024, kMaxCores = 4096, kMaxProfileRuns = 10000;

[[noreturn]] void refuse(const std::string& message) { throw Failure("bad_job", message); }

const Fields& job_fields() {
  static const Fields fields = {
      {"version", {Kind::kInt}},         {"artifact", {Kind::kText}},
      {"format", {Kind::kText}},         {"runtime", {Kind::kText}},
      {"threads", {Kind::kInt}},         {"affinity", {Kind::kList, true}},
      {"plan", {Kind::kObject, true}},   {"in_turns", {Kind::kBool}},
      {"images", {Kind::kObject, true}}, {"profile", {Kind::kObject, true}},
      {"unasked", {Kind::kList}}};
  return fields;
}

const Fields& plan_fields() {
  static const Fields fields = {{"warmup_runs", {Kind::kInt}},     {"warmup_s", {Kind::kNumber}},
                                {"min_samples", {Kind::kInt}},     {"precision", {Kind::kNumber}},
                                {"time_limit_s", {Kind::kNumber}}, {"turn_s", {Kind::kNumber}}};
  return fields;
}

const Fields& image_fields() {
  static const Fields fields = {{"shards", {Kind::kList}},
                                {"scale", {Kind::kNumber}},
                                {"offset", {Kind::kNumber}},
                                {"input_scale", {Kind::kNumber, true}},
                                {"input_zero_point", {Kind::kInt, true}},
                                {"output_scale", {Kind::kNumber, true}},
                                {"output_zero_point", {Kind::kInt, true}},
                                {"outputs", {Kind::kList}}};
  return fields;
}

template <typename T>
std::optional<T> optional_of(const Json& value) {
  if (value.is_null()) return std::nullopt;
  return value.get<T>();
}

void check_runtime(const std::string& format, const std::string& runtime) {
  const auto found = kRuntimes.find(format);
  if (found != kRuntimes.end()) {
    const auto& known = found->second;
    if (std::find(known.begin(), known.end(), runtime) != known.end()) return;
  }
  std::string expected;
  for (const auto& [name, runtimes] : kRuntimes) {
    expected += (expected.empty() ? "" : "; ") + name + ":";
    for (const std::string& known : runtimes) expected += " " + known;
  }
  refuse("format '" + format.substr(0, 80) + "' with runtime '" + runtime.substr(0, 80) +
         "'; expected one of " + expected);
}

std::optional<std::vector<int>> cores_of(const Json& value) {
  if (value.is_null()) return std::nullopt;
  std::vector<int> cores;
  for (const Json& core : value) {
    if (!core.is_number_integer() || core < 0 || core >= kMaxCores) {
      refuse("job.affinity has something different from numbers of cores");
    }
    cores.push_back(core.get<int>());
  }
  return cores;
}

std::optional<Plan> plan_of(const Json& value, bool in_turns) {
  if (value.is_null()) {
    if (in_turns) refuse("job.in_turns is true without a plan");
    return std::nullopt;
  }
  check_fields(value, plan_fields(), "job.plan");
  for (const Json& figure : value) {
    if (figure < 0 || value["min_samples"] < 1) {
      refuse("job.plan has a negative figure or asks for no sample");
    }
  }
  return Plan{value["warmup_runs"], value["warmup_s"],     value["min_samples"],
              value["precision"],   value["time_limit_s"], value["turn_s"]};
}

std::vector<std::string> texts_of(const Json& value, const std::string& where,
                                  const std::string& what) {
  std::vector<std::string> texts;
  for (const Json& text : value) {
    if (!text.is_string()) refuse(where + " has something different from " + what);
    texts.push_back(text);
  }
  return texts;
}

std::optional<Images> images_of(const Json& value) {
  if (value.is_null()) return std::nullopt;
  check_fields(value, image_fields(), "job.images");
  auto shards = texts_of(value["shards"], "job.images.shards", "paths");
  auto outputs = texts_of(value["outputs"], "job.images.outputs", "paths");
  if (shards.size() != outputs.size()) {
    refuse("job.images has not one of outputs for each of shards");
  }
  return Images{std::move(shards),
                value["scale"],
                value["offset"],
                optional_of<double>(value["input_scale"]),
                optional_of<std::int64_t>(value["input_zero_point"]),
                optional_of<double>(value["output_scale"]),
                optional_of<std::int64_t>(value["output_zero_point"]),
                std::move(outputs)};
}

std::optional<int> profile_runs_of(const Json& value) {
  if (value.is_null()) return std::nullopt;
  check_fields(value, {{"runs", {Kind::kInt}}}, "job.profile");
  const std::int64_t runs = value["runs"];
  if (runs < 1 || runs > kMaxProfileRuns) {
    refuse("job.profile.runs is " + std::to_string(runs) + "; expected 1 to 10000");
  }
  return static_cast<int>(runs);
}

void check_file(const std::string& path) {
  struct stat status;
  // A path ends at its first zero byte for the system, and would be another one.
  if (path.find('\0') != std::string::npos || stat(path.c_str(), &status) != 0 ||
      !S_ISREG(status.st_mode)) {
    throw Failure("bad_model", "there is no file " + path.substr(0, 200));
  }
}

}  // namespace

Job read_job(const std::string& text) {
  const Json job = parse_json(text);
  if (job.is_object() && (!job.contains("version") || job["version"] != kVersion)) {
    const std::string found = job.contains("version") ? shown(job["version"]) : "null";
    refuse("the job has version " + found + "; this runner knows " + std::to_string(kVersion));
  }
  check_fields(job, job_fields(), "job");
  check_runtime(job["format"], job["runtime"]);
  const std::int64_t threads = job["threads"];
  if (threads < 1 || threads > kMaxThreads) {
    refuse("threads is " + std::to_string(threads) + "; expected 1 to 1024");
  }
  const bool in_turns = job["in_turns"];
  Job made{job["artifact"], job["format"],
           job["runtime"],  static_cast<int>(threads),
           std::nullopt,    plan_of(job["plan"], in_turns),
           in_turns,        std::nullopt,
           std::nullopt,    {}};
  made.affinity = cores_of(job["affinity"]);
  made.images = images_of(job["images"]);
  made.profile_runs = profile_runs_of(job["profile"]);
  made.unasked = texts_of(job["unasked"], "job.unasked", "names");
  check_file(made.artifact);
  return made;
}

}  // namespace harness
