#include "litert/litert_events.h"

#include <cstring>

#include "job/failure.h"

namespace harness {

namespace {

constexpr std::size_t kRoomBytes = 256;  // far more than an event has
constexpr unsigned char kUntouched = 0xa5;
constexpr std::int32_t kOperator = 2, kOfDelegate = 4, kOfDelegateToo = 8;
constexpr std::int32_t kHighest = 256;
constexpr std::size_t kNumberFromEnd = 24;
// So that its end and its head lie alike with pointers of 32 bits, as on ARM; on 32-bit x86 they
// would not.
static_assert(alignof(std::uint64_t) == 8, "events are counted in steps of 8 bytes");

template <typename T>
T read_at(const std::vector<unsigned char>& memory, std::size_t at) {
  T value;
  std::memcpy(&value, &memory[at], sizeof(T));
  return value;
}

// The first fields of an event; those about memory, in its middle, differ between versions.
struct Head {
  const char* tag;
  std::int32_t type;
  std::uint64_t start_us;
  std::uint64_t time_us;
};

// Of each event: what was written of memory that had been filled with a mark.
std::size_t event_bytes(const std::vector<unsigned char>& memory, std::size_t count) {
  std::size_t written = memory.size();
  while (written > 0 && memory[written - 1] == kUntouched) --written;
  return 8 * ((written + 8 * count - 1) / (8 * count));
}

}  // namespace

std::vector<LiteRtEvent> profiled_run(LiteRtModel& model) {
  const LiteRtLibrary& library = model.library();
  void* profiler = library.made("no_profile", "CompiledModelGetProfiler", model.compiled());
  if (profiler == nullptr) throw Failure("no_profile", "LiteRT did not turn profiling on");
  library.call("no_profile", "ResetProfiler", profiler);
  library.call("no_profile", "StartProfiler", profiler);
  model.run();
  library.call("no_profile", "StopProfiler", profiler);
  int count = 0;
  library.call("no_profile", "GetNumProfilerEvents", profiler, &count);
  if (count < 1) return {};
  const auto events = static_cast<std::size_t>(count);
  std::vector<unsigned char> memory(events * kRoomBytes, kUntouched);
  library.call("no_profile", "GetProfilerEvents", profiler, count,
               static_cast<void*>(memory.data()));
  const std::size_t size = event_bytes(memory, events);
  if (size < sizeof(Head) + kNumberFromEnd || size > kRoomBytes) {
    throw Failure("no_profile", "LiteRT's profile is of another form than that of version 2");
  }
  std::vector<LiteRtEvent> found;
  for (std::size_t at = 0; at < events * size; at += size) {
    const Head head = read_at<Head>(memory, at);
    if (head.type < 1 || head.type > kHighest || (head.type & (head.type - 1)) != 0) {
      throw Failure("no_profile",
                    "LiteRT's profile has an event of type " + std::to_string(head.type));
    }
    if (head.type == kOperator || head.type == kOfDelegate || head.type == kOfDelegateToo) {
      found.push_back({head.tag, head.type != kOperator,
                       read_at<std::uint64_t>(memory, at + size - kNumberFromEnd), head.time_us});
    }
  }
  return found;
}

}  // namespace harness
