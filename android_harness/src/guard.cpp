#include "guard.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <new>
#include <string>

#include "job/failure.h"
#include "job/lines.h"
#include "job/result.h"

namespace harness {

namespace {

constexpr std::size_t kLastWordsBytes = 2000, kShownBytes = 200;

int checked(int value, const char* what) {
  if (value >= 0) return value;
  throw Failure("runtime_failed", std::string(what) + ": " + std::strerror(errno));
}

// A flag in memory that both processes have.
class SharedFlag {
 public:
  SharedFlag() {
    void* memory = mmap(nullptr, sizeof(std::atomic<bool>), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) checked(-1, "mmap");
    flag_ = ::new (memory) std::atomic<bool>(false);
  }
  SharedFlag(const SharedFlag&) = delete;
  SharedFlag& operator=(const SharedFlag&) = delete;
  ~SharedFlag() { munmap(flag_, sizeof(*flag_)); }

  void set() { flag_->store(true); }
  bool is_set() const { return flag_->load(); }

 private:
  std::atomic<bool>* flag_;
};

sigset_t signals_of(std::initializer_list<int> numbers) {
  sigset_t made;
  sigemptyset(&made);
  for (int number : numbers) sigaddset(&made, number);
  return made;
}

void write_all(int descriptor, const char* text, std::size_t count) {
  while (count > 0) {
    const ssize_t written = write(descriptor, text, count);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // nobody listens to what is said there
    text += written;
    count -= static_cast<std::size_t>(written);
  }
}

// The last line that says something.
std::string last_line(std::string text) {
  const std::size_t end = text.find_last_not_of(" \r\n\t");
  if (end == std::string::npos) return "";
  text.resize(end + 1);
  const std::size_t newline = text.rfind('\n');
  const std::string line = newline == std::string::npos ? text : text.substr(newline + 1);
  return line.substr(0, kShownBytes);
}

// Whoever started us may limit our memory at the very moment of the fork, which copies limits early
// and shows the child late.
void take_memory_limit_of(pid_t parent) {
  rlimit64 limit{};
  checked(prlimit64(parent, RLIMIT_DATA, nullptr, &limit), "prlimit");
  checked(setrlimit64(RLIMIT_DATA, &limit), "setrlimit");
}

// The parent: hands on what the child says on standard error, until the child has ended.
class Watch {
 public:
  Watch(pid_t child, int said, const sigset_t& watched)
      : child_(child),
        said_(said),
        signals_(checked(signalfd(-1, &watched, SFD_CLOEXEC), "signalfd")) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    close(signals_);
    close(said_);
  }

  // Its status as waitpid() has it.
  int wait() {
    bool open = true;
    while (true) {
      pollfd ready[] = {{signals_, POLLIN, 0}, {open ? said_ : -1, POLLIN, 0}};
      if (poll(ready, 2, -1) < 0 && errno != EINTR) checked(-1, "poll");
      if (ready[1].revents != 0) open = hand_on();
      if ((ready[0].revents & POLLIN) != 0) {
        signalfd_siginfo told{};
        checked(static_cast<int>(read(signals_, &told, sizeof(told))), "signalfd");
        if (told.ssi_signo != SIGCHLD) end_with(static_cast<int>(told.ssi_signo));
        int status = 0;
        if (waitpid(child_, &status, WNOHANG) == child_) {
          hand_on_rest();
          return status;
        }
      }
    }
  }

  const std::string& last_words() const { return last_words_; }

 private:
  bool hand_on() {
    char piece[4096];
    const ssize_t count = read(said_, piece, sizeof(piece));
    if (count <= 0) return count < 0 && errno == EINTR;
    write_all(2, piece, static_cast<std::size_t>(count));
    last_words_.append(piece, static_cast<std::size_t>(count));
    if (last_words_.size() > kLastWordsBytes) {
      last_words_.erase(0, last_words_.size() - kLastWordsBytes);
    }
    return true;
  }

  // Reads what is in the pipe already: others that the child has started may have it open for long.
  void hand_on_rest() {
    pollfd ready = {said_, POLLIN, 0};
    while (poll(&ready, 1, 0) > 0 && (ready.revents & POLLIN) != 0 && hand_on()) {
    }
  }

  [[noreturn]] void end_with(int number) {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    signal(number, SIG_DFL);
    const sigset_t only = signals_of({number});
    raise(number);
    sigprocmask(SIG_UNBLOCK, &only, nullptr);
    _exit(128 + number);
  }

  pid_t child_;
  int said_;
  int signals_;
  std::string last_words_;
};

int answer_crash(int number, const std::string& last_words) {
  Result result;
  const std::string line = last_line(last_words);
  const std::string said = line.empty() ? "" : "; it last said: " + line;
  const char* name = strsignal(number);
  const std::string hint = number == SIGKILL ? " (often: out of memory)" : "";
  result.error = Error{"crashed", "the runner died of signal " + std::to_string(number) + ", " +
                                      (name ? name : "unknown") + hint + said};
  const std::string answer = to_json(result) + "\n";
  write_all(1, answer.data(), answer.size());
  return exit_code("crashed");
}

}  // namespace

int guarded(const std::function<int(const std::function<void()>& answered)>& work) {
  SharedFlag answered;
  signal(SIGPIPE, SIG_IGN);
  const sigset_t watched = signals_of({SIGTERM, SIGINT, SIGHUP, SIGCHLD});
  sigset_t before;
  sigprocmask(SIG_BLOCK, &watched, &before);
  int said[2];
  checked(pipe(said), "pipe");
  const pid_t parent = getpid();
  const pid_t child = checked(fork(), "fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(3);  // it had ended before that
    take_memory_limit_of(parent);
    sigprocmask(SIG_SETMASK, &before, nullptr);
    dup2(said[1], 2);
    close(said[0]);
    close(said[1]);
    // Without what runs at a usual end: there a runtime may crash although all is answered.
    _exit(work([&answered] { answered.set(); }));
  }
  close(said[1]);
  Watch watch(child, said[0], watched);
  const int status = watch.wait();
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  const int number = WTERMSIG(status);
  if (answered.is_set()) return exit_code("crashed");
  return answer_crash(number, watch.last_words());
}

}  // namespace harness
