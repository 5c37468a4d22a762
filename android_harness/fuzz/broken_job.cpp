#include "broken_job.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <vector>

namespace harness::fuzz {
namespace {

constexpr std::uint64_t kHugeOneIn = 4000;
constexpr std::uint64_t kHugeBytes = 48 << 20;
constexpr std::uint64_t kDeepOneIn = 200;
constexpr std::uint64_t kDeepest = 200000;

// Text that no writer of JSON would write.
const std::vector<std::string>& fragments() {
  static const std::vector<std::string> all = {"NaN",
                                               "-Infinity",
                                               "1e999",
                                               "-1e999",
                                               "99999999999999999999999999",
                                               "-0",
                                               "01",
                                               "0x10",
                                               "+1",
                                               "1.",
                                               "\"\\u0000\"",
                                               "\"\\ud800\"",
                                               "\"\\q\"",
                                               "\"\xff\xfe\"",
                                               "\xef\xbb\xbf",
                                               "\"\xed\xa0\x80\"",
                                               "\"\xf4\x90\x80\x80\"",
                                               "{",
                                               "}",
                                               "[",
                                               "]",
                                               ",",
                                               ":",
                                               "\"",
                                               "\\",
                                               "null",
                                               "/* */",
                                               "\n",
                                               "{\"version\": 3}",
                                               "\"threads\": 1,"};
  return all;
}

}  // namespace

BrokenJob::BrokenJob(std::uint64_t seed, std::uint64_t number, const std::string& artifact)
    : random_(seed * 0x9e3779b97f4a7c15 + number), artifact_(artifact) {}

std::string BrokenJob::text() {
  Json job = good();
  const bool in_values = !one_in(3), in_bytes = !in_values || one_in(4);
  if (in_values) {
    for (std::uint64_t left = 1 + below(3); left > 0; --left) break_value(job);
  }
  std::string text = job.dump(-1, ' ', one_in(2), Json::error_handler_t::replace);
  if (in_bytes) {
    for (std::uint64_t left = 1 + below(3); left > 0; --left) break_bytes(text);
  }
  return text;
}

Json BrokenJob::good() const {
  const Json plan = {{"warmup_runs", 2},  {"warmup_s", 1.5},     {"min_samples", 10},
                     {"precision", 0.02}, {"time_limit_s", 5.0}, {"turn_s", 0.1}};
  const Json images = {
      {"shards", {"a.npy", "b.npy"}}, {"scale", 0.0078125},           {"offset", -1.0},
      {"input_scale", 0.0078125},     {"input_zero_point", -1},       {"output_scale", nullptr},
      {"output_zero_point", nullptr}, {"outputs", {"c.npy", "d.npy"}}};
  return {
      {"version", 3},     {"artifact", artifact_},    {"format", "tflite"}, {"runtime", "litert"},
      {"threads", 2},     {"affinity", {0, 1}},       {"plan", plan},       {"in_turns", true},
      {"images", images}, {"profile", {{"runs", 20}}}, {"unasked", Json::array({"vcgencmd"})}};
}

Json& BrokenJob::any_part(Json& job) {
  Json* part = &job;
  while (part->is_structured() && !part->empty() && (part == &job || one_in(2))) {
    part = &*std::next(part->begin(), static_cast<std::ptrdiff_t>(below(part->size())));
  }
  return *part;
}

Json BrokenJob::any_value() {
  switch (below(16)) {
    case 0: return nullptr;
    case 1: return one_in(2);
    case 2: return static_cast<std::int64_t>(below(5)) - 2;
    case 3: return std::numeric_limits<std::int64_t>::min();
    case 4: return std::numeric_limits<std::uint64_t>::max();
    case 5: return static_cast<std::int64_t>(random_());
    case 6: return std::int64_t{1} << below(63);
    case 7: return 1.7e308;
    case 8: return static_cast<double>(below(1000)) / 7 - 50;
    case 9: return "";
    case 10: return std::string(1 + below(3), '\0') + "x";
    case 11: return any_bytes();
    case 12: return long_text();
    case 13: return Json::array();
    case 14: return Json::array({nullptr, -1, "x", Json::array({1})});
    default: return Json::object({{"runs", 1}, {"", 2}});
  }
}

void BrokenJob::break_value(Json& job) {
  Json& part = any_part(job);
  switch (below(4)) {
    case 0:
      if (part.is_structured() && !part.empty()) {
        part.erase(std::next(part.begin(), static_cast<std::ptrdiff_t>(below(part.size()))));
        return;
      }
      break;
    case 1:
      if (part.is_object()) {
        part[one_in(2) ? "further" : any_bytes()] = any_value();
        return;
      }
      if (part.is_array()) {
        part.push_back(any_value());
        return;
      }
      break;
    case 2: part = Json(any_part(job)); return;
    default: break;
  }
  part = any_value();
}

void BrokenJob::break_bytes(std::string& text) {
  const std::size_t at = below(text.size() + 1);
  const std::size_t count = std::min<std::size_t>(1 + below(40), text.size() - at);
  switch (below(7)) {
    case 0: text.resize(at); return;
    case 1: text.erase(at, count); return;
    case 2: text.insert(at, text.substr(below(text.size() + 1), count)); return;
    case 3: text.insert(at, fragments()[below(fragments().size())]); return;
    case 4: text.replace(at, count, fragments()[below(fragments().size())]); return;
    case 5:
      if (one_in(kDeepOneIn)) {
        const bool is_list = one_in(2);
        const std::uint64_t depth = below(kDeepest);
        for (std::uint64_t left = depth; left > 0; --left) text += is_list ? "[" : "{\"a\":";
        return;
      }
      text.insert(at, any_bytes());
      return;
    default:
      if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
  }
}

std::string BrokenJob::long_text() {
  const std::uint64_t longest = one_in(kHugeOneIn) ? kHugeBytes : 4096;
  return std::string(below(longest), static_cast<char>('a' + below(26)));
}

std::string BrokenJob::any_bytes() {
  std::string bytes(below(12), '\0');
  for (char& byte : bytes) byte = static_cast<char>(below(256));
  return bytes;
}

}  // namespace harness::fuzz
