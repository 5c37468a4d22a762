// The description of this machine: the fields of bench/measurement/environment.py.
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "job/json.h"
#include "machine/android.h"
#include "machine/cpu_quota.h"
#include "machine/machine.h"
#include "machine/online_cores.h"
#include "machine/processor.h"
#include "machine/program.h"
#include "machine/system_files.h"
#include "session/libraries.h"

namespace harness {

namespace {

// True for a program of another processor, run by QEMU's user mode, which answers for
// /proc/self as if it were not there, but not for /proc/thread-self.
bool is_emulated() {
  char path[4096];
  const ssize_t size = readlink("/proc/thread-self/exe", path, sizeof path);
  if (size <= 0) return false;
  const std::string program(path, static_cast<std::size_t>(size));
  return program.compare(program.rfind('/') + 1, 5, "qemu-") == 0;
}

// The name of the distribution, e.g. "Debian GNU/Linux 12 (bookworm)".
std::optional<std::string> distribution() {
  const std::string key = "PRETTY_NAME=";
  std::istringstream lines(read_text("/etc/os-release").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (line.compare(0, key.size(), key) != 0) continue;
    const auto begin = line.find_first_not_of("\"'", key.size());
    if (begin == std::string::npos) return "";
    return line.substr(begin, line.find_last_not_of("\"'") + 1 - begin);
  }
  return {};
}

std::optional<std::string> board(const std::string& root) {
  auto model = read_text(root + "/proc/device-tree/model");
  if (model) model->erase(model->find_last_not_of('\0') + 1);
  return model;
}

// True where this user may set the frequency governor without a password; false without one.
bool is_governor_settable(const std::string& root) {
  for (const auto& [core, folder] : core_folders(root)) {
    const std::string governor = folder + "/cpufreq/scaling_governor";
    if (access(governor.c_str(), F_OK) != 0) continue;
    if (access(governor.c_str(), W_OK) == 0) return true;
    const auto sudo = find_program("sudo");
    // Without a file, tee writes nothing. -k: a password that is remembered is neither used nor
    // remembered for longer.
    return sudo && ask({*sudo, "-n", "-k", "tee"}).said.has_value();
  }
  return false;
}

std::size_t count_cores() {
  const auto allowed = affinity();
  if (allowed && !allowed->empty()) return allowed->size();
  return static_cast<std::size_t>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
}

OrderedJson or_null(const std::optional<std::string>& text) {
  return text ? OrderedJson(*text) : OrderedJson(nullptr);
}

}  // namespace

std::string environment_json(const Libraries& libraries, const std::string& root) {
  utsname kernel;
  if (uname(&kernel) != 0) return "{}";
  const Phone phone = read_phone(root);
  const bool emulated = is_emulated();
  const std::optional<double> quota = cpu_quota_cores(root);
  const OrderedJson found = {
      {"cpu_model", (emulated ? "QEMU on " : "") + processor_name(root)},
      {"cores", count_cores()},
      {"memory_bytes", std::int64_t{sysconf(_SC_PAGE_SIZE)} * sysconf(_SC_PHYS_PAGES)},
      {"system", std::string(kernel.sysname) + " " + kernel.release},
      {"os", or_null(phone.os ? phone.os : distribution())},
      {"architecture", program_architecture(kernel.machine, sizeof(void*))},
      {"kernel_architecture", kernel.machine},
      {"python", nullptr},
      {"versions", library_versions(libraries)},
      {"board", or_null(phone.board ? phone.board : board(root))},
      {"max_khz",
       figures_by_core(told_by_cores(root + "/sys", "cpufreq/cpuinfo_max_freq"))},
      {"emulated", emulated},
      {"governor_settable", is_governor_settable(root + "/sys")},
      {"cpu_quota_cores", quota ? OrderedJson(*quota) : OrderedJson(nullptr)}};
  return in_one_line(found);
}

}  // namespace harness
