// Parts of the runner by themselves, for tests: each answers with one line of JSON.
//
//     probe environment ROOT [LIBRARIES]   of the system under ROOT
//     probe state ROOT [UNASKED]           of the files of /sys under ROOT, and what did not answer
//     probe quota ROOT                     the CPU quota of the system under ROOT
//     probe vnni ROOT                      whether the CPU under ROOT has it
//     probe process CORE...                what this process is, pinned to those cores if any
//     probe images                         {"dtype", "shape", "images": as of a job} on standard
//                                          input: classifies in a file that answers what it is fed
//     probe onnxruntime LIBRARIES          {"artifact", "threads", "images", "profile_runs" (or
//     null)}
//                                          on standard input: loads, profiles, classifies
#include <algorithm>
#include <iostream>

#include "arrays/images.h"
#include "job/failure.h"
#include "job/json.h"
#include "machine/cpu_quota.h"
#include "machine/machine.h"
#include "machine/machine_watch.h"
#include "machine/processor.h"

namespace harness {

namespace {

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

template <typename T>
std::optional<T> optional_of(const Json& value) {
  return value.is_null() ? std::nullopt : std::optional(value.get<T>());
}

class Echo : public Session {
 public:
  explicit Echo(TensorType type) : type_(std::move(type)) {}

  std::optional<std::string> version() const override { return {}; }
  void load(const std::string&) override {}
  bool prepares() const override { return false; }
  void prepare() override {}
  const TensorType& input() const override { return type_; }
  const TensorType& output() const override { return type_; }
  void feed(const std::vector<std::byte>& tensor) override {
    if (tensor.size() != type_.bytes()) throw Failure("runtime_failed", "fed with another size");
    fed_ = tensor;
  }
  void run() override { answer_ = fed_; }
  const std::byte* read_output() override { return answer_.data(); }

 private:
  TensorType type_;
  std::vector<std::byte> fed_, answer_;
};

DType dtype_of(const std::string& name) {
  for (int number = 0; number <= static_cast<int>(DType::kFloat32); ++number) {
    const auto dtype = static_cast<DType>(number);
    if (name_of(dtype) == name) return dtype;
  }
  throw Failure("bad_job", "no dtype " + name);
}

Images images_of(const Json& asked) {
  return {asked.at("shards"),
          asked.at("scale"),
          asked.at("offset"),
          optional_of<double>(asked.at("input_scale")),
          optional_of<std::int64_t>(asked.at("input_zero_point")),
          optional_of<double>(asked.at("output_scale")),
          optional_of<std::int64_t>(asked.at("output_zero_point")),
          asked.at("outputs")};
}

Json asked() { return read_json(std::cin); }

Json error_of(const Failure& failure) {
  return {{"kind", failure.kind()}, {"message", failure.what()}};
}

Json classified(Session& session, const Json& images) {
  Result result;
  Json made = {{"classified", Json::array()}, {"error", nullptr}};
  try {
    classify(session, images_of(images), result,
             [&](int shards) { made["classified"].push_back(shards); });
  } catch (const Failure& failure) {
    made["error"] = error_of(failure);
  }
  made["images"] = result.images;
  return made;
}

Json echoed(const Json& job) {
  Echo session({dtype_of(job.at("dtype")), job.at("shape")});
  return classified(session, job.at("images"));
}

Json profiled(const Job& job, const Libraries& libraries, std::size_t input_bytes) {
  Json made = Json::array();
  const std::vector<std::byte> input(input_bytes);
  for (const OpTime& op : profile_onnxruntime(job, libraries, input).operators) {
    made.push_back({{"name", or_null(op.name)}, {"kind", op.kind}, {"mean_ns", op.mean_ns}});
  }
  return made;
}

Json in_onnxruntime(const Json& asked, const Libraries& libraries) {
  Job job{};
  job.artifact = asked.at("artifact");
  job.threads = asked.at("threads");
  job.profile_runs = optional_of<int>(asked.at("profile_runs"));
  try {
    const auto session = open_onnxruntime(job, libraries);
    session->load(job.artifact);
    Json made = classified(*session, asked.at("images"));
    made["version"] = or_null(session->version());
    made["dtypes"] = {name_of(session->input().dtype), name_of(session->output().dtype)};
    made["profile"] = profiled(job, libraries, session->input().bytes());
    return made;
  } catch (const Failure& failure) {
    return {{"error", error_of(failure)}};
  }
}

Json quota(const std::string& root) {
  QuotaWatch watch(root);
  watch.begin();
  watch.end();
  const auto found = watch.found();
  if (!found) return nullptr;
  return {{"cores", found->cores},
          {"file", found->file},
          {"throttled_periods", found->throttled_periods},
          {"throttled_ns", found->throttled_ns}};
}

// The second, so that what did not answer the first is not waited for again.
Json state(const std::string& root, const std::vector<std::string>& unasked) {
  MachineWatch watch(unasked, root);
  watch.look();
  watch.look();
  const State found = watch.states().back();
  return {{"unanswered", watch.unanswered()},
          {"at_s", found.at_s},
          {"load_average", or_null(found.load_average)},
          {"governors", found.governors},
          {"frequency_khz", found.frequency_khz},
          {"temperature_c", or_null(found.temperature_c)},
          {"throttled", or_null(found.throttled)}};
}

Json process(const std::vector<std::string>& cores) {
  std::vector<int> wanted;
  for (const std::string& core : cores) wanted.push_back(std::stoi(core));
  if (!wanted.empty()) pin(wanted);
  Shares shares;
  shares.begin();
  const double end_s = monotonic_s() + 0.3;
  while (monotonic_s() < end_s) {
  }
  shares.end();
  settle();
  return {{"affinity", or_null(affinity())},
          {"threads", or_null(count_threads())},
          {"peak_rss_bytes", or_null(peak_rss_bytes())},
          {"others_share", or_null(shares.others())},
          {"stolen_share", or_null(shares.stolen())}};
}

// The text of a file need not be UTF-8.
std::string line_of(const Json& made) { return in_one_line(made); }

std::string answer(const std::string& part, const std::vector<std::string>& words) {
  if (part == "environment") {
    return environment_json({words.begin() + 1, words.end()}, words.at(0));
  }
  if (part == "state") return line_of(state(words.at(0), {words.begin() + 1, words.end()}));
  if (part == "quota") return line_of(quota(words.at(0)));
  if (part == "vnni") return line_of(Json(!lacks_vnni(words.at(0))));
  if (part == "process") return line_of(process(words));
  if (part == "images") return line_of(echoed(asked()));
  if (part == "onnxruntime") return line_of(in_onnxruntime(asked(), words));
  throw Failure("bad_job", "no part " + part);
}

}  // namespace

}  // namespace harness

int main(int count, char** words) {
  try {
    const std::vector<std::string> given(words + std::min(count, 2), words + count);
    std::cout << harness::answer(count > 1 ? words[1] : "", given) << std::endl;
  } catch (const harness::Failure& failure) {
    std::cerr << failure.kind() << ": " << failure.what() << std::endl;
    return harness::exit_code(failure.kind());
  }
}
