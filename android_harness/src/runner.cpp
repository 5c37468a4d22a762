#include "runner.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <new>
#include <sstream>

#include "arrays/images.h"
#include "arrays/noise.h"
#include "job/failure.h"
#include "job/job.h"
#include "job/json.h"
#include "machine/machine.h"
#include "session/timing.h"

namespace harness {

namespace {

constexpr std::size_t kMaxJobBytes = 64 << 20;
constexpr std::size_t kMaxMessage = 400;
constexpr std::size_t kMaxRequest = 1 << 16;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxJobBytes + 1, '\0');
  if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file && !file.eof()) {
    throw Failure("bad_job", "the job cannot be read: " + path + ": " + std::strerror(errno));
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

std::string read_text(const std::vector<std::string>& arguments, Lines& input) {
  const std::string text =
      arguments.empty() ? input.next(kMaxJobBytes).value_or("") : read_file(arguments[0]);
  if (text.size() > kMaxJobBytes) {
    throw Failure("bad_job", "the job is longer than " + std::to_string(kMaxJobBytes) + " bytes");
  }
  return text;
}

void check_image(const TensorType& input) {
  bool fits = input.shape.size() == 4 && input.shape[0] == 1;
  std::string shape;
  for (std::int64_t size : input.shape) {
    fits = fits && size >= 1;
    shape += (shape.empty() ? "" : ", ") + std::to_string(size);
  }
  if (!fits) throw Failure("bad_model", "the input is (" + shape + "); expected [1, h, w, c]");
}

template <typename Call>
std::int64_t timed_ns(const Call& call) {
  const std::int64_t before = clock_ns();
  call();
  return clock_ns() - before;
}

std::unique_ptr<Session> open_session(const Job& job, const Libraries& libraries, Result& result) {
  auto session =
      job.format == "onnx" ? open_onnxruntime(job, libraries) : open_litert(job, libraries);
  result.runtime_version = session->version();
  result.load_ns = timed_ns([&] { session->load(job.artifact); });
  if (session->prepares()) result.prepare_ns = timed_ns([&] { session->prepare(); });
  check_image(session->input());
  return session;
}

std::string ready(const std::vector<std::string>& unanswered) {
  return in_one_line(OrderedJson{{"event", "ready"}, {"unanswered", unanswered}});
}

TurnWanted turns_on_request(Lines& input, const Tell& tell, const Result& result) {
  return [&input, &tell, &result, begun = false](std::size_t samples, bool enough) mutable {
    settle();
    tell(begun ? "{\"event\": \"turn\", \"samples\": " + std::to_string(samples) +
                     ", \"enough\": " + (enough ? "true" : "false") + "}"
               : ready(result.unanswered));
    begun = true;
    return input.next(kMaxRequest).has_value();
  };
}

bool turns_until_enough(std::size_t, bool enough) { return !enough; }

void run(const Job& job, Lines& input, const Libraries& libraries, const Tell& tell,
         Result& result) {
  const auto session = open_session(job, libraries, result);
  const std::vector<std::byte> tensor = noise(session->input());
  if (job.plan) {
    const TurnWanted wanted =
        job.in_turns ? turns_on_request(input, tell, result) : TurnWanted(turns_until_enough);
    time_session(*session, tensor, *job.plan, job.unasked, result, wanted);
  }
  result.peak_rss_bytes = peak_rss_bytes();
  // Both load the file once more, which must neither take turns from others nor count as memory of
  // what was timed.
  if (job.format == "tflite" || job.profile_runs) {
    Profiled found = job.format == "onnx" ? profile_onnxruntime(job, libraries, tensor)
                                          : profile_litert(job, libraries, tensor);
    result.delegate = std::move(found.delegate);
    result.profile = std::move(found.operators);
  }
  if (job.images) {
    classify(*session, *job.images, result, [&](int shards) {
      tell("{\"event\": \"classified\", \"shards\": " + std::to_string(shards) + "}");
    });
  }
}

// In one line, as a table shows it.
std::string one_line(const std::string& text) {
  std::istringstream words(text);
  std::string word, made;
  while (words >> word) made += (made.empty() ? "" : " ") + word;
  return made.substr(0, kMaxMessage);
}

}  // namespace

Result run_job(const std::vector<std::string>& arguments, Lines& input, const Libraries& libraries,
               const Tell& tell) {
  Result result;
  result.affinity = affinity();
  try {
    const Job job = read_job(read_text(arguments, input));
    result.runtime = job.runtime;
    result.threads = job.threads;
    if (job.affinity) {
      pin(*job.affinity);
      result.affinity = affinity();
    }
    run(job, input, libraries, tell, result);
  } catch (const Failure& failure) {
    result.error = Error{failure.kind(), one_line(failure.what())};
  } catch (const std::bad_alloc&) {
    result.error = Error{"out_of_memory", "there is not enough memory"};
  } catch (const std::exception& error) {
    result.error = Error{"runtime_failed", one_line(error.what())};
  }
  return result;
}

}  // namespace harness
