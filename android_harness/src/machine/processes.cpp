#include "machine/processes.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <sstream>
#include <system_error>

#include "machine/descriptor.h"

namespace harness {
namespace {

constexpr std::chrono::seconds kKillWait{5};
constexpr int kPollMs = 20;

// A file of a process; none where it has ended since, or is another user's that we may not read.
std::optional<std::string> process_file(const std::string& process, const std::string& name) {
  try {
    return read_file("/proc/" + process + "/" + name);
  } catch (const std::system_error& error) {
    const int reason = error.code().value();
    if (reason == ENOENT || reason == ESRCH || reason == EACCES || reason == EPERM) return {};
    throw;
  }
}

std::vector<std::string> process_names() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc"), ::closedir);
  if (!folder) throw_errno("/proc");
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string name = entry->d_name;
    if (name.find_first_not_of("0123456789") == std::string::npos) names.push_back(name);
  }
  return names;
}

// The session of a living process, out of its /proc/PID/stat.
std::optional<pid_t> living_session(const std::string& stat) {
  // The name in front is in parentheses, and may itself have some.
  std::istringstream text(stat.substr(stat.find_last_of(')') + 1));
  std::vector<std::string> fields;
  for (std::string field; text >> field;) fields.push_back(field);
  if (fields.size() < 18) return {};
  // A process whose first thread has ended looks dead, too.
  const bool has_ended = fields[0] == "Z" || fields[0] == "X";
  if (has_ended && std::stol(fields[17]) <= 1) return {};
  return static_cast<pid_t>(std::stol(fields[3]));
}

}  // namespace

Members members(const std::set<pid_t>& sessions) {
  Members found;
  if (sessions.empty()) return found;
  for (const std::string& name : process_names()) {
    const std::optional<std::string> stat = process_file(name, "stat");
    const pid_t process = static_cast<pid_t>(std::stol(name));
    if (!stat || process == ::getpid()) continue;
    const std::optional<pid_t> session = living_session(*stat);
    if (session && sessions.count(*session)) found[process] = *session;
  }
  return found;
}

Killed kill_sessions(const std::set<pid_t>& sessions) {
  const auto deadline = std::chrono::steady_clock::now() + kKillWait;
  std::set<pid_t> doomed = sessions;
  doomed.erase(0);
  doomed.erase(::getsid(0));
  Members found = members(sessions);
  while (true) {
    const Members left = members(doomed);
    for (const auto& [process, session] : left) found[process] = session;
    if (left.empty() || std::chrono::steady_clock::now() > deadline) {
      return {found, members(sessions)};
    }
    for (const auto& [process, session] : left) {
      // Gone already, or another user's, which shows in what is left.
      if (::kill(process, SIGKILL) != 0 && errno != ESRCH && errno != EPERM) {
        throw_errno("kill " + std::to_string(process));
      }
    }
    pause_shortly();
  }
}

std::vector<std::string> command_line(pid_t process) {
  const std::string text = process_file(std::to_string(process), "cmdline").value_or("");
  std::vector<std::string> words;
  for (auto begin = text.begin(); begin != text.end();) {
    const auto end = std::find(begin, text.end(), '\0');
    words.emplace_back(begin, end);
    begin = end == text.end() ? end : end + 1;
  }
  return words;
}

std::string boot_id() {
  const std::string text = read_file("/proc/sys/kernel/random/boot_id");
  return text.substr(0, text.find_last_not_of(" \n") + 1);
}

void pause_shortly() { ::poll(nullptr, 0, kPollMs); }

}  // namespace harness
