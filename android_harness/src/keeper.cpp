#include "keeper.h"

#include "failure.h"

namespace harness {

int keep(const std::vector<std::string>&) { throw Failure("runtime_failed", "not written yet"); }

}  // namespace harness
