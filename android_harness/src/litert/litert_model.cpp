#include "litert/litert_model.h"

#include <cstdlib>
#include <cstring>
#include <iterator>
#include <new>
#include <type_traits>

#include "job/failure.h"
#include "session/libraries.h"

namespace harness {

namespace {

constexpr std::int32_t kCompilerPlugins = 0, kDispatchLibraries = 1, kRuntimeLibraries = 22;
constexpr std::int32_t kAcceleratorsToStart = 24, kLeastSeverity = 25;
constexpr std::int32_t kWhole = 2, kText = 8;  // the type of such an option
constexpr std::int64_t kWarnings = 2;
constexpr std::int32_t kToRead = 0, kToWrite = 1;
constexpr std::size_t kFirst = 0, kOne = 1;

DType dtype_of(std::int32_t element) {
  switch (element) {
    case 1: return DType::kFloat32;
    case 3: return DType::kUint8;
    case 7: return DType::kInt16;
    case 9: return DType::kInt8;
    default:
      throw Failure("bad_model", "the file has an input or output of LiteRT's element type " +
                                     std::to_string(element) +
                                     "; expected float32, int8, uint8 or int16");
  }
}

}  // namespace

LiteRtModel::LiteRtModel(const Libraries& libraries, LiteRtOptions options)
    : asked_(std::move(options)), library_(asked_.runtime, libraries) {}

LiteRtModel::Handle LiteRtModel::owned(const char* destroy, void* handle) const {
  return {handle, library_.function<void(void*)>(destroy)};
}

LiteRtModel::Handle LiteRtModel::environment() const {
  const char* folder = library_.folder().c_str();
  const auto text = [folder](std::int32_t tag) {
    LiteRtEnvironmentOption option{tag, {kText, {}}};
    option.value.text = folder;
    return option;
  };
  const auto whole = [](std::int32_t tag, std::int64_t value) {
    LiteRtEnvironmentOption option{tag, {kWhole, {}}};
    option.value.whole = value;
    return option;
  };
  // Otherwise LiteRT starts whatever it finds, and says so at length.
  const auto wanted =
      static_cast<std::int64_t>(Accelerator::kCpu) | static_cast<std::int64_t>(asked_.accelerator);
  const LiteRtEnvironmentOption told[] = {
      text(kRuntimeLibraries), text(kDispatchLibraries), text(kCompilerPlugins),
      whole(kAcceleratorsToStart, wanted), whole(kLeastSeverity, kWarnings)};
  return owned("DestroyEnvironment", library_.made("missing_runtime", "CreateEnvironment",
                                                   static_cast<int>(std::size(told)), &told[0]));
}

void LiteRtModel::check_accelerator() const {
  std::size_t count = 0;
  library_.call("missing_runtime", "GetNumAccelerators", environment_.get(), &count);
  for (std::size_t at = 0; at < count; ++at) {
    void* found = library_.made("missing_runtime", "GetAccelerator", environment_.get(), at);
    std::int32_t supports = 0;
    library_.call("missing_runtime", "GetAcceleratorHardwareSupport", found, &supports);
    if ((supports & static_cast<std::int32_t>(asked_.accelerator)) != 0) return;
  }
  throw Failure("missing_runtime", asked_.runtime + " is not to be had: no library in " +
                                       library_.folder() + " that LiteRT can start has one");
}

void LiteRtModel::add_options(void* options, const char* part, const std::string& toml) const {
  // LiteRT frees the text by the function that it gets with it.
  char* text = strdup(toml.c_str());
  if (text == nullptr) throw std::bad_alloc();
  void* made = library_.made("bad_model", "CreateOpaqueOptions", part, text, &std::free);
  library_.call("bad_model", "AddOpaqueOptions", options, made);
}

LiteRtModel::Handle LiteRtModel::options() const {
  Handle made = owned("DestroyOptions", library_.made("bad_model", "CreateOptions"));
  library_.call("bad_model", "SetOptionsHardwareAccelerators", made.get(),
                static_cast<std::int32_t>(asked_.accelerator));
  if (asked_.profiled) {
    add_options(made.get(), "runtime_options_string", "enable_profiling = true\n");
  }
  const std::string kernels = asked_.builtin_kernels ? "builtin" : "xnnpack";
  add_options(
      made.get(), "xnnpack",
      "kernel_mode = \"" + kernels + "\"\nnum_threads = " + std::to_string(asked_.threads) + "\n");
  return made;
}

void LiteRtModel::load(const std::string& path) {
  environment_ = environment();
  if (asked_.accelerator != Accelerator::kCpu) check_accelerator();
  model_ = owned("DestroyModel", library_.made("bad_model", "CreateModelFromFile",
                                               environment_.get(), path.c_str()));
  subgraph_ = library_.made("bad_model", "GetModelSubgraph", model_.get(), kFirst);
  std::size_t inputs = 0, outputs = 0;
  library_.call("bad_model", "GetNumSubgraphInputs", subgraph_, &inputs);
  library_.call("bad_model", "GetNumSubgraphOutputs", subgraph_, &outputs);
  check_one(inputs, outputs);
  input_ = tensor_type("GetSubgraphInput", input_type_);
  output_ = tensor_type("GetSubgraphOutput", output_type_);
}

void LiteRtModel::prepare() {
  options_ = options();
  // An operator that an accelerator does not take is left to the processor; that all of it fails is
  // not the file's fault.
  const bool accelerated = asked_.accelerator != Accelerator::kCpu;
  compiled_ =
      owned("DestroyCompiledModel",
            library_.made(accelerated ? "missing_runtime" : "bad_model", "CreateCompiledModel",
                          environment_.get(), model_.get(), options_.get()));
  input_buffer_ = buffer("GetCompiledModelInputBufferRequirements", input_type_, input_.bytes());
  output_buffer_ =
      buffer("GetCompiledModelOutputBufferRequirements", output_type_, output_.bytes());
  answer_.resize(output_.bytes());
  inputs_[0] = input_buffer_.get();
  outputs_[0] = output_buffer_.get();
  run_ = library_.function<std::remove_pointer_t<decltype(run_)>>("RunCompiledModel");
}

TensorType LiteRtModel::tensor_type(const char* get, LiteRtTensorType& type) const {
  void* tensor = library_.made("bad_model", get, subgraph_, kFirst);
  library_.call("bad_model", "GetRankedTensorType", tensor, &type);
  TensorType made;
  made.dtype = dtype_of(type.element);
  const std::uint32_t rank = type.rank_and_strided & 0x7f;
  for (std::uint32_t axis = 0; axis < rank && axis < std::size(type.dimensions); ++axis) {
    if (type.dimensions[axis] < 0) {
      throw Failure("bad_model", "the file has a shape that is not fixed; expected [1, h, w, c]");
    }
    made.shape.push_back(type.dimensions[axis]);
  }
  return made;
}

LiteRtModel::Handle LiteRtModel::buffer(const char* needs, LiteRtTensorType& type,
                                        std::size_t bytes) const {
  void* needed = library_.made("bad_model", needs, compiled_.get(), kFirst, kFirst);
  Handle made = owned("DestroyTensorBuffer",
                      library_.made("bad_model", "CreateManagedTensorBufferFromRequirements",
                                    environment_.get(), &type, needed));
  std::size_t has = 0;
  library_.call("bad_model", "GetTensorBufferSize", made.get(), &has);
  if (has < bytes) {
    throw Failure("bad_model", "LiteRT has " + std::to_string(has) +
                                   " bytes for a tensor of the file that has " +
                                   std::to_string(bytes));
  }
  return made;
}

void LiteRtModel::feed(const std::vector<std::byte>& tensor) {
  void* address = nullptr;
  library_.call("runtime_failed", "LockTensorBuffer", input_buffer_.get(), &address, kToWrite);
  std::memcpy(address, tensor.data(), tensor.size());
  library_.call("runtime_failed", "UnlockTensorBuffer", input_buffer_.get());
}

void LiteRtModel::run() {
  const int status = run_(compiled_.get(), kFirst, kOne, inputs_, kOne, outputs_);
  if (status != 0) library_.check("runtime_failed", "RunCompiledModel", status);
}

const std::vector<std::byte>& LiteRtModel::read_output() {
  void* address = nullptr;
  library_.call("runtime_failed", "LockTensorBuffer", output_buffer_.get(), &address, kToRead);
  std::memcpy(answer_.data(), address, answer_.size());
  library_.call("runtime_failed", "UnlockTensorBuffer", output_buffer_.get());
  return answer_;
}

bool LiteRtModel::is_fully_accelerated() const {
  bool fully = false;
  library_.call("runtime_failed", "CompiledModelIsFullyAccelerated", compiled_.get(), &fully);
  return fully;
}

}  // namespace harness
