#include "machine/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <sstream>

#include "machine/machine.h"

namespace harness {

namespace {

constexpr int kCannotStart = 127;
constexpr std::size_t kMostOutput = 1 << 20;  // bytes; nothing that is asked here says as much
constexpr int kEndingPoll_us = 2000;
constexpr double kKilled_s = 0.1;  // one that is killed is gone by then, or a driver holds it

// Only calls that are safe between fork and exec, since the runtimes have threads.
[[noreturn]] void become(char* const* words, int output) {
  setsid();  // so that it can be killed with what it starts
  const int nothing = open("/dev/null", O_RDWR);
  if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(output, 1) < 0 || dup2(nothing, 2) < 0) {
    _exit(kCannotStart);
  }
  execv(words[0], words);
  _exit(kCannotStart);
}

// All that comes until the end or until `end_s`; none where it is not all.
std::optional<std::string> read_until(int source, double end_s) {
  std::string said;
  char block[4096];
  while (said.size() < kMostOutput) {
    const double left_s = end_s - monotonic_s();
    if (left_s <= 0) return {};
    pollfd waiting{source, POLLIN, 0};
    const int ready = poll(&waiting, 1, static_cast<int>(left_s * 1000) + 1);
    if (ready < 0 && errno != EINTR) return {};
    if (ready <= 0) continue;
    const ssize_t count = read(source, block, sizeof block);
    if (count == 0) return said;
    if (count < 0 && errno != EINTR) return {};
    if (count > 0) said.append(block, static_cast<std::size_t>(count));
  }
  return {};
}

// Its status, waited for until `end_s`; none where it still runs then.
std::optional<int> status_of(pid_t child, double end_s) {
  while (true) {
    int status = 0;
    const pid_t found = waitpid(child, &status, WNOHANG);
    if (found == child) return status;
    if (found < 0 && errno != EINTR) return {};
    if (monotonic_s() >= end_s) return {};
    usleep(kEndingPoll_us);
  }
}

}  // namespace

std::optional<std::string> find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path ? path : "/bin:/usr/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
    struct stat about;
    if (stat(candidate.c_str(), &about) == 0 && S_ISREG(about.st_mode) &&
        access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
  }
  return {};
}

Asked ask(const std::vector<std::string>& command, double limit_s) {
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {{}, true};
  const double end_s = monotonic_s() + limit_s;
  const pid_t child = fork();
  if (child == 0) become(words.data(), ends[1]);
  close(ends[1]);
  Asked asked{{}, true};
  if (child > 0) {
    auto said = read_until(ends[0], end_s);
    auto status = said ? status_of(child, end_s) : std::nullopt;
    asked.in_time = status.has_value() || monotonic_s() < end_s;
    if (!status) {
      kill(-child, SIGKILL);
      status_of(child, monotonic_s() + kKilled_s);
    } else if (WIFEXITED(*status) && WEXITSTATUS(*status) == 0) {
      asked.said = std::move(said);
    }
  }
  close(ends[0]);
  return asked;
}

}  // namespace harness
