#include "lease/lease_connection.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>

namespace harness {
namespace {

constexpr std::size_t kMaxLineBytes = 65536;
// In steps of at most this, since poll counts milliseconds in an int.
constexpr double kLongestWaitS = 1000.0;
constexpr const char* kSpaces = " \t\n\v\f\r";

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int signals_as_file() {
  sigset_t ending;
  ::sigemptyset(&ending);
  // One that whoever started us has had ignored comes all the same, since it is blocked.
  for (const int number : {SIGTERM, SIGHUP, SIGINT}) ::sigaddset(&ending, number);
  if (::sigprocmask(SIG_BLOCK, &ending, nullptr) != 0) throw_errno("signals");
  const int number = ::signalfd(-1, &ending, SFD_CLOEXEC);
  if (number < 0) throw_errno("signals");
  return number;
}

std::string stripped(const std::string& line) {
  const std::size_t begin = line.find_first_not_of(kSpaces);
  if (begin == std::string::npos) return "";
  return line.substr(begin, line.find_last_not_of(kSpaces) + 1 - begin);
}

}  // namespace

LeaseConnection::LeaseConnection(double timeout_s)
    : timeout_s_(timeout_s), signals_(signals_as_file()) {}

std::optional<std::string> LeaseConnection::next() {
  const double deadline_s = now_s() + timeout_s_;
  std::array<char, kMaxLineBytes> part;
  std::size_t end;
  while ((end = unread_.find('\n')) == std::string::npos) {
    if (!wait(deadline_s)) return {};
    const ssize_t count = ::read(STDIN_FILENO, part.data(), part.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      throw_errno("standard input");
    }
    unread_.append(part.data(), static_cast<std::size_t>(count));
    if (count == 0 || unread_.size() > kMaxLineBytes) return {};
  }
  const std::string line = unread_.substr(0, end);
  unread_.erase(0, end + 1);
  return stripped(line);
}

bool LeaseConnection::wait(double deadline_s) {
  while (true) {
    const double left_s = std::clamp(deadline_s - now_s(), 0.0, kLongestWaitS);
    std::array<pollfd, 2> files{pollfd{STDIN_FILENO, POLLIN, 0},
                                pollfd{signals_.number(), POLLIN, 0}};
    const int ready = ::poll(files.data(), files.size(), static_cast<int>(std::ceil(left_s * 1e3)));
    if (ready < 0 && errno != EINTR) throw_errno("standard input");
    if (ready < 0) continue;
    if (files[1].revents != 0) return false;
    if (files[0].revents != 0) return true;
    if (left_s == 0.0) return false;
  }
}

}  // namespace harness
