#include "arrays/images.h"

#include <cstdint>
#include <vector>

#include "arrays/npy.h"
#include "arrays/pixels.h"
#include "job/failure.h"

namespace harness {

namespace {

// Whether the model reads images [c, h, w]; they are [n, h, w, c] in a shard.
bool reads_channels_first(const NpyHeader& header, const TensorType& input) {
  if (header.shape.size() == 4 && input.shape.size() == 4) {
    const auto size = [&](std::size_t axis) { return header.shape[axis]; };
    const std::vector<std::int64_t> last = {size(1), size(2), size(3)};
    const std::vector<std::int64_t> first = {size(3), size(1), size(2)};
    const std::vector<std::int64_t> read(input.shape.begin() + 1, input.shape.end());
    if (read == last) return false;
    if (read == first) return true;
  }
  throw Failure("bad_input", "images are " + std::string(name_of(header.dtype)) + " " +
                                 listed(header.shape) + "; the model reads [n, " +
                                 listed(input.shape, 1).substr(1));
}

std::vector<float> channels_first(const std::vector<float>& pixels, std::size_t channels) {
  std::vector<float> made(pixels.size());
  const std::size_t places = pixels.size() / channels;
  for (std::size_t place = 0; place < places; ++place) {
    for (std::size_t channel = 0; channel < channels; ++channel) {
      made[channel * places + place] = pixels[place * channels + channel];
    }
  }
  return made;
}

// Runs the images of one shard and writes what the file answers; how many they are.
std::int64_t classify_shard(Session& session, const Images& images, std::size_t number) {
  NpyFile shard(images.shards[number]);
  const bool moved = reads_channels_first(shard.header(), session.input());
  const std::int64_t count = shard.header().shape[0];
  std::vector<float> pixels, rows;
  std::vector<std::byte> tensor;
  std::size_t classes = 0;
  for (std::int64_t image = 0; image < count; ++image) {
    shard.read(image, pixels);
    if (moved) {
      pixels = channels_first(pixels, static_cast<std::size_t>(shard.header().shape[3]));
    }
    model_input(pixels, session.input().dtype, images, tensor);
    session.feed(tensor);
    session.run();
    const std::size_t before = rows.size();
    const std::byte* output = session.read_output();
    model_output(output, session.output(), images, rows);
    if (image == 0) classes = rows.size();
    if (rows.size() - before != classes) {
      throw Failure("runtime_failed", "the file answers with " +
                                          std::to_string(rows.size() - before) +
                                          " values, before " + std::to_string(classes));
    }
  }
  write_npy(images.outputs[number], rows, static_cast<std::size_t>(count), classes);
  return count;
}

}  // namespace

void classify(Session& session, const Images& images, Result& result,
              const std::function<void(int)>& classified) {
  for (std::size_t number = 0; number < images.shards.size(); ++number) {
    result.images += classify_shard(session, images, number);
    classified(static_cast<int>(number) + 1);
  }
}

}  // namespace harness
