// .onnx files in ONNX Runtime, and its own profile of them.
#include <fstream>
#include <map>
#include <tuple>

#include "job/failure.h"
#include "job/json.h"
#include "machine/scratch_folder.h"
#include "onnxruntime/ort_session.h"
#include "session/op_time.h"

namespace harness {

namespace {

constexpr char kNoProfile[] = "no_profile";
constexpr char kKernelTime[] = "_kernel_time";  // how it marks the time of an operator
constexpr int kDepthOfEvents = 1;

struct Operator {
  std::string name, kind;
  std::vector<double> times_us;
};

// The operators of a profile, in the order in which they first ran.
class Operators {
 public:
  void add(const Json& event) {
    if (event.value("cat", "") != "Node") return;
    const std::string full = event.at("name"), mark = kKernelTime;
    if (full.size() < mark.size() ||
        full.compare(full.size() - mark.size(), mark.size(), mark) != 0) {
      return;
    }
    const Json& arguments = event.at("args");
    const std::string name = full.substr(0, full.size() - mark.size());
    const Key key{arguments.at("node_index"), name, arguments.at("op_name")};
    const auto [found, is_new] = places_.emplace(key, operators_.size());
    if (is_new) operators_.push_back({name, std::get<2>(key), {}});
    operators_[found->second].times_us.push_back(event.at("dur"));
  }

  const std::vector<Operator>& all() const { return operators_; }

 private:
  using Key = std::tuple<std::string, std::string, std::string>;
  std::map<Key, std::size_t> places_;
  std::vector<Operator> operators_;
};

// Each event is forgotten when it has been looked at: of 10,000 runs there are some gigabytes.
std::vector<Operator> read_profile(const std::string& path) {
  Operators operators;
  std::ifstream file(path);
  try {
    const Json emptied = read_json(file, [&](int depth, Json::parse_event_t event, Json& parsed) {
      if (depth != kDepthOfEvents || event != Json::parse_event_t::object_end) return true;
      operators.add(parsed);
      return false;
    });
  } catch (const Json::exception& error) {
    throw Failure(kNoProfile, std::string("ONNX Runtime's profile is not whole, or another one (") +
                                  error.what() + "); look whether " + path +
                                  " is on a full disk, or set TMPDIR to another folder");
  }
  return operators.all();
}

}  // namespace

std::unique_ptr<Session> open_onnxruntime(const Job& job, const Libraries& libraries) {
  return std::make_unique<ort::OnnxSession>(libraries, job.threads);
}

Profiled profile_onnxruntime(const Job& job, const Libraries& libraries,
                             const std::vector<std::byte>& input) {
  if (!job.profile_runs) return {};
  const ScratchFolder folder;
  ort::OnnxSession session(libraries, job.threads, folder.path() + "/profile");
  session.load(job.artifact);
  session.feed(input);
  const auto warmup_runs = static_cast<std::size_t>(kProfileWarmupRuns);
  const std::size_t runs = warmup_runs + static_cast<std::size_t>(*job.profile_runs);
  for (std::size_t run = 0; run < runs; ++run) session.run();
  Profiled profiled;
  for (const Operator& op : read_profile(session.end_profiling())) {
    if (op.times_us.size() != runs) {
      profiled.operators.clear();
      break;
    }
    const auto first = op.times_us.begin() + kProfileWarmupRuns;
    profiled.operators.push_back(
        op_time(op.name, op.kind, std::vector<double>(first, op.times_us.end()), std::nullopt));
  }
  if (profiled.operators.empty()) {
    throw Failure(kNoProfile, "ONNX Runtime's profile does not have every operator each run");
  }
  return profiled;
}

}  // namespace harness
