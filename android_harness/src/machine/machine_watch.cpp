#include "machine/machine_watch.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <future>
#include <thread>

#include "machine/machine.h"
#include "machine/online_cores.h"
#include "machine/program.h"
#include "machine/system_files.h"

namespace harness {

namespace {

constexpr double kPeriod_s = 1.0;
constexpr double kGlance_s = 0.05;  // so long a reading may stand between two turns
constexpr double kMostDegrees = 200;
constexpr std::size_t kFlagsDigits = 8;
constexpr int kUnderVoltage = 0b1;  // of the Raspberry Pi's flags
const char* kFirmware = "vcgencmd";

using Part = std::function<void(State&)>;  // puts what was read into a state
using Read = Part (*)(const std::string& root);

std::optional<double> load_average() {
  const auto text = read_text("/proc/loadavg");
  if (!text || text->empty()) return {};
  return std::strtod(text->c_str(), nullptr);
}

Part read_clocks(const std::string& root) {
  std::set<std::string> governors;
  for (const auto& [core, governor] : told_by_cores(root, "cpufreq/scaling_governor")) {
    governors.insert(governor);
  }
  const auto frequencies = figures_by_core(told_by_cores(root, "cpufreq/scaling_cur_freq"));
  return [governors, frequencies](State& state) {
    state.governors = {governors.begin(), governors.end()};
    state.frequency_khz = frequencies;
  };
}

// The hottest. Some kernels have degrees where others have thousandths of them: no zone is as cold
// as those would be. One without a sensor reads as 0 or far below it.
Part read_heat(const std::string& root) {
  std::optional<double> hottest;
  for (const std::int64_t number :
       numbers_of(read_all(root + "/class/thermal", "thermal_zone", "temp"))) {
    double celsius = static_cast<double>(number);
    if (celsius >= kMostDegrees) celsius /= 1000;
    if (celsius > 0 && celsius < kMostDegrees) {
      hottest = std::max(hottest.value_or(celsius), celsius);
    }
  }
  return [hottest](State& state) { state.temperature_c = hottest; };
}

// Under-voltage within the last two seconds, which the kernel tells everybody.
Part read_voltage(const std::string& root) {
  std::optional<std::int64_t> flags;
  for (const std::string& folder : list_folders(root + "/class/hwmon", "hwmon")) {
    if (read_text(folder + "/name") != "rpi_volt") continue;
    if (const auto alarm = read_text(folder + "/in0_lcrit_alarm")) {
      flags = *alarm == "1" ? kUnderVoltage : 0;
      break;
    }
  }
  return [flags](State& state) { state.throttled = flags; };
}

// Parts of a state by the place that the system has them in.
const std::map<std::string, Read>& parts() {
  static const std::map<std::string, Read> all = {
      {"cpufreq", read_clocks}, {"thermal", read_heat}, {"hwmon", read_voltage}};
  return all;
}

// The flags in "throttled=0x50000".
std::optional<std::int64_t> flags_of(const std::string& said) {
  const std::string begin = "throttled=";
  std::string digits = stripped(said);
  if (digits.compare(0, begin.size(), begin) != 0) return {};
  digits.erase(0, begin.size());
  if (digits.compare(0, 2, "0x") == 0) digits.erase(0, 2);
  const bool is_hexadecimal = digits.find_first_not_of("0123456789ABCDEFabcdef") == digits.npos;
  if (digits.empty() || digits.size() > kFlagsDigits || !is_hexadecimal) return {};
  return std::stoll(digits, nullptr, 16);
}

}  // namespace

// One reading in a thread of its own, which may never end.
class MachineWatch::Reading {
 public:
  Reading(Read read, const std::string& root) : begun_s_(monotonic_s()) {
    std::packaged_task<Part()> task([read, root] { return read(root); });
    found_ = task.get_future();
    std::thread(std::move(task)).detach();
  }

  bool is_done_within(double limit_s) {
    const std::chrono::duration<double> limit(std::max(0.0, limit_s));
    return found_.wait_for(limit) == std::future_status::ready;
  }
  void put_into(State& state) { found_.get()(state); }
  double age_s() const { return monotonic_s() - begun_s_; }

 private:
  double begun_s_;
  std::future<Part> found_;
};

MachineWatch::MachineWatch(const std::vector<std::string>& unasked, std::string root)
    : root_(std::move(root)),
      begun_s_(monotonic_s()),
      unanswered_(unasked.begin(), unasked.end()) {}

MachineWatch::~MachineWatch() = default;

void MachineWatch::look() {
  const double at_s = monotonic_s() - begun_s_;
  const std::optional<std::int64_t> flags = firmware();
  State found = state(at_s, kAskingLimit_s);
  if (flags) found.throttled = flags;
  states_.push_back(std::move(found));
}

void MachineWatch::glance() {
  const double at_s = monotonic_s() - begun_s_;
  if (at_s - states_.back().at_s >= kPeriod_s) states_.push_back(state(at_s, kGlance_s));
}

// Flags of the Raspberry Pi's firmware; none where there is none, or this user may not ask it.
std::optional<std::int64_t> MachineWatch::firmware() {
  if (unanswered_.count(kFirmware) > 0) return {};
  const auto program = find_program(kFirmware);
  if (!program) return {};
  const Asked asked = ask({*program, "get_throttled"}, kAskingLimit_s);
  if (!asked.in_time) unanswered_.insert(kFirmware);
  return asked.said ? flags_of(*asked.said) : std::nullopt;
}

State MachineWatch::state(double at_s, double limit_s) {
  State found{at_s, load_average(), {}, {}, {}, {}};
  for (const auto& [name, read] : parts()) {
    if (unanswered_.count(name) == 0 && readings_.count(name) == 0) {
      readings_[name] = std::make_unique<Reading>(read, root_);
    }
  }
  const double end_s = monotonic_s() + limit_s;
  for (auto next = readings_.begin(); next != readings_.end();) {
    const auto one = next++;
    if (one->second->is_done_within(end_s - monotonic_s())) {
      one->second->put_into(found);
      readings_.erase(one);
    } else if (one->second->age_s() >= kAskingLimit_s) {
      unanswered_.insert(one->first);
      readings_.erase(one);
    }
  }
  return found;
}

}  // namespace harness
