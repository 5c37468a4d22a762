// Images through a file: shards of pixel values in, raw outputs as float32 out, both .npy.
#pragma once

#include <functional>

#include "job/job.h"
#include "job/result.h"
#include "session/session.h"

namespace harness {

// Runs every image of every shard. `classified` is told how many shards are done, each after its
// outputs were written whole. Counts in `result.images`. Failure "bad_input", "bad_job",
// "runtime_failed".
void classify(Session& session, const Images& images, Result& result,
              const std::function<void(int)>& classified);

}  // namespace harness
