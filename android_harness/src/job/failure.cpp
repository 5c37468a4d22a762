#include "job/failure.h"

namespace harness {

int exit_code(const std::string& kind) {
  return kind == "bad_job" || kind == "bad_model" || kind == "bad_input" ? 2 : 3;
}

}  // namespace harness
