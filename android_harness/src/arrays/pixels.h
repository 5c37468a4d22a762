// The elements of an image as float32, and as a file reads them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "arrays/tensor.h"
#include "job/job.h"

namespace harness {

// `values.size()` elements, uint8 or float32, out of `bytes`.
void to_float32(DType dtype, const std::string& bytes, std::vector<float>& values);

// Pixel values as the file reads them: scaled, and quantized where it reads integers, with the same
// float32 operations in the same order as in bench/on_device/classify.py. Failure "bad_job" where
// the job does not say how to quantize them.
void model_input(const std::vector<float>& pixels, DType dtype, const Images& images,
                 std::vector<std::byte>& tensor);

// The elements of an output as float32, dequantized where it has integers, after those of `rows`.
// Failure "bad_job".
void model_output(const std::byte* tensor, const TensorType& type, const Images& images,
                  std::vector<float>& rows);

}  // namespace harness
