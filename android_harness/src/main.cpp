// The native runner: see ../README.md.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "guard.h"
#include "job/failure.h"
#include "job/lines.h"
#include "machine/machine.h"
#include "runner.h"

namespace harness {

namespace {

constexpr int kWrongRequest = 2, kFailed = 3;
const char* kUsage =
    "usage: runner [--libraries DIR]... [--parent PID] [job.json]\n"
    "       runner [--libraries DIR]... --environment [ROOT]\n";

int wrong_request() {
  std::fputs(kUsage, stderr);
  return kWrongRequest;
}

// The job is answered by a line of JSON, which is the last.
int answer_job(const std::vector<std::string>& words, const Libraries& libraries,
               const std::function<void()>& answered) {
  const Answers answers;
  Lines input(0);
  const auto tell = [&answers](const std::string& line) { answers.tell(line); };
  const Result result = run_job(words, input, libraries, tell);
  answers.tell(to_json(result));
  answered();
  return result.error ? exit_code(result.error->kind) : 0;
}

// End when `parent`, which has started this process, has ended.
void end_with(const std::string& parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (std::to_string(getppid()) != parent) std::exit(kFailed);  // it had ended before that
}

int start(std::vector<std::string> words) {
  Libraries libraries;
  while (words.size() >= 2 && (words[0] == "--libraries" || words[0] == "--parent")) {
    if (words[0] == "--parent") end_with(words[1]);
    if (words[0] == "--libraries") libraries.push_back(words[1]);
    words.erase(words.begin(), words.begin() + 2);
  }
  if (!words.empty() && words[0] == "--environment" && words.size() <= 2) {
    const std::string root = words.size() == 2 ? words[1] : "/";
    std::printf("%s\n", environment_json(libraries, root).c_str());
    return 0;
  }
  if (words.size() > 1 || (!words.empty() && words[0].substr(0, 2) == "--")) {
    return wrong_request();
  }
  // Otherwise it writes into the home directory, and calls its maker.
  setenv("ORT_DISABLE_TELEMETRY", "1", 1);
  return guarded([&](const std::function<void()>& answered) {
    try {
      return answer_job(words, libraries, answered);
    } catch (const Failure& failure) {  // nobody reads the answer
      std::fprintf(stderr, "%s\n", failure.what());
      return kFailed;
    }
  });
}

}  // namespace

}  // namespace harness

int main(int count, char** words) {
  try {
    return harness::start({words + 1, words + count});
  } catch (const harness::Failure& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return harness::exit_code(failure.kind());
  }
}
