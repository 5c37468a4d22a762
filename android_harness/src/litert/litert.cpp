#include "litert/litert.h"

#include "arrays/noise.h"
#include "job/failure.h"
#include "session/libraries.h"
#include "session/session.h"

namespace harness {

namespace {

// Any of them; GPU libraries by the names that LiteRT tries.
const std::vector<std::string> kGpuLibraries = {
    "libLiteRtGpuAccelerator.so", "libLiteRtClGlAccelerator.so", "libLiteRtOpenClAccelerator.so",
    "libLiteRtVulkanAccelerator.so", "libLiteRtWebGpuAccelerator.so"};
const std::vector<std::string> kNpuLibraries = {
    "libLiteRtDispatch_Qualcomm.so", "libLiteRtDispatch_MediaTek.so",
    "libLiteRtDispatch_GoogleTensor.so", "libLiteRtDispatch_IntelOpenvino.so",
    "libLiteRtDispatch_Samsung.so"};

void check_accelerator_library(const Job& job, const Libraries& libraries) {
  const bool gpu = job.runtime == "litert-gpu";
  if (!gpu && job.runtime != "litert-npu") return;
  const auto& names = gpu ? kGpuLibraries : kNpuLibraries;
  if (!find_library(libraries, names)) {
    throw Failure("missing_runtime",
                  job.runtime + " is not to be had: " + not_found(libraries, names));
  }
}

class LiteRtSession : public Session {
 public:
  LiteRtSession(const Job& job, const Libraries& libraries)
      : job_(job),
        libraries_(libraries),
        model_(libraries, litert_options(job)),
        versions_(library_versions(libraries)) {}

  std::optional<std::string> version() const override {
    const auto found = versions_.find("ai-edge-litert");
    if (found == versions_.end()) return std::nullopt;
    return found->second;
  }
  void load(const std::string& path) override { model_.load(path); }
  bool prepares() const override { return true; }
  void prepare() override {
    model_.prepare();
    check_accelerated();
  }

  const TensorType& input() const override { return model_.input(); }
  const TensorType& output() const override { return model_.output(); }
  void feed(const std::vector<std::byte>& tensor) override { model_.feed(tensor); }
  void run() override { model_.run(); }
  const std::byte* read_output() override { return model_.read_output().data(); }

 private:
  // LiteRT leaves to the processor what an accelerator does not take, and says nothing.
  void check_accelerated() const {
    const bool processor = job_.runtime == "litert" || job_.runtime == "litert-builtin";
    if (processor || model_.is_fully_accelerated()) return;
    const Profiled found = profile_litert(job_, libraries_, noise(model_.input()));
    if (!found.delegate || found.delegate->inside == 0) {
      throw Failure("runtime_failed",
                    job_.runtime + " runs no operator of the file, the processor would run all");
    }
  }

  Job job_;
  Libraries libraries_;
  LiteRtModel model_;
  std::map<std::string, std::string> versions_;
};

}  // namespace

LiteRtOptions litert_options(const Job& job) {
  LiteRtOptions options{job.runtime, Accelerator::kCpu, job.runtime == "litert-builtin",
                        job.threads, false};
  if (job.runtime == "litert-gpu") options.accelerator = Accelerator::kGpu;
  if (job.runtime == "litert-npu") options.accelerator = Accelerator::kNpu;
  if (options.builtin_kernels && job.threads > 1) {
    throw Failure("runtime_failed", "LiteRT's C API runs its builtin kernels with 1 thread, not " +
                                        std::to_string(job.threads) + "; ask for THREADS=1");
  }
  return options;
}

std::unique_ptr<Session> open_litert(const Job& job, const Libraries& libraries) {
  if (job.runtime == "tflite-runtime") {
    throw Failure("missing_runtime", "tflite-runtime needs Python; the native runner has litert");
  }
  check_accelerator_library(job, libraries);
  return std::make_unique<LiteRtSession>(job, libraries);
}

}  // namespace harness
