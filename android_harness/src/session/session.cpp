#include "session/session.h"

#include "job/failure.h"

namespace harness {

void check_one(std::size_t inputs, std::size_t outputs) {
  if (inputs == 1 && outputs == 1) return;
  throw Failure("bad_model", "the file has " + std::to_string(inputs) + " inputs and " +
                                 std::to_string(outputs) + " outputs; expected 1 and 1");
}

}  // namespace harness
