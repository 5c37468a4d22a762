#include "lease/lease_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <ctime>
#include <system_error>

#include "job/json.h"
#include "machine/processes.h"

namespace harness {
namespace {

constexpr std::chrono::seconds kHolderWait{2};
constexpr std::size_t kMaxRecordBytes = 65536;

std::string cache_made(const std::string& cache) {
  make_folders(cache);
  return joined(cache, "lock");
}

bool is_running(pid_t process) {
  return ::access(("/proc/" + std::to_string(process)).c_str(), F_OK) == 0;
}

std::string now_utc() {
  const std::time_t now = std::time(nullptr);
  std::tm parts;
  ::gmtime_r(&now, &parts);
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts));
}

std::string message_of(int number) { return std::generic_category().message(number); }

}  // namespace

LeaseLock::LeaseLock(const std::string& cache)
    : path_(cache_made(cache)), file_(Descriptor::open(path_, O_RDWR | O_CREAT, 0600)) {}

std::optional<Holder> LeaseLock::take() {
  const auto deadline = std::chrono::steady_clock::now() + kHolderWait;
  while (true) {
    if (::flock(file_.number(), LOCK_EX | LOCK_NB) == 0) return {};
    if (errno != EWOULDBLOCK && errno != EINTR) throw_errno(path_);
    const std::optional<LockRecord> record = read();
    if (record && record->boot == boot_id() && is_running(record->pid)) return Holder{record};
    // It has the lock, but has not written yet, or cannot.
    if (std::chrono::steady_clock::now() > deadline) return Holder{};
    pause_shortly();
  }
}

std::optional<LockRecord> LeaseLock::read() const {
  std::string text(kMaxRecordBytes, '\0');
  const ssize_t count = ::pread(file_.number(), text.data(), text.size(), 0);
  if (count < 0) throw_errno(path_);
  text.resize(static_cast<std::size_t>(count));
  const Json found = json_or_none(text);
  if (!found.is_object()) return {};
  for (const char* key : {"owner", "since_utc", "boot"}) {
    if (!found.contains(key) || !found[key].is_string()) return {};
  }
  if (!found.contains("boottime_s") || !found["boottime_s"].is_number()) return {};
  if (!found.contains("pid") || !found["pid"].is_number_integer()) return {};
  return LockRecord{found["owner"], found["since_utc"], found["boottime_s"], found["boot"],
                    found["pid"]};
}

std::optional<std::string> LeaseLock::write(const std::string& owner) {
  const OrderedJson record = {{"owner", owner},
                              {"since_utc", now_utc()},
                              {"boottime_s", boottime_s()},
                              {"boot", boot_id()},
                              {"pid", ::getpid()}};
  const std::string text = in_one_line(record);
  // In this order a full disk lends the block that the file has had before.
  const ssize_t count = ::pwrite(file_.number(), text.data(), text.size(), 0);
  if (count < 0) return message_of(errno);
  if (static_cast<std::size_t>(count) < text.size()) return message_of(ENOSPC);
  if (::ftruncate(file_.number(), count) != 0) return message_of(errno);
  return {};
}

void LeaseLock::clear() {
  if (::ftruncate(file_.number(), 0) != 0) throw_errno(path_);
}

double boottime_s() {
  std::timespec now;
  if (::clock_gettime(CLOCK_BOOTTIME, &now) != 0) throw_errno("CLOCK_BOOTTIME");
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace harness
