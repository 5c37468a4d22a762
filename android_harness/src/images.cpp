#include "images.h"

#include "failure.h"

namespace harness {

void classify(Session&, const Images&, Result&, const std::function<void(int)>&) { throw Failure("runtime_failed", "not written yet"); }

}  // namespace harness
