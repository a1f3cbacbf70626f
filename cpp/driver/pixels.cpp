// Label maps, feature maps and images.
#include "cases.hpp"
#include "transferscore/boundaries.hpp"
#include "transferscore/gather.hpp"
#include "transferscore/pixel_h_score.hpp"
#include "transferscore/quantise_pixels.hpp"
#include "transferscore/sample_pixels.hpp"

namespace transferscore {
namespace {

template <class L>
std::vector<L> label_map(Index size, unsigned seed) {
  std::vector<L> labels(size);
  for (Index i = 0; i < size; ++i) labels[i] = static_cast<L>((i * 7 + i / 3 + seed) % 5 == 0 ? -1 : i / 4 % 3);
  return labels;
}

struct Size {
  Index depth, height, width;
};
constexpr Size sizes[] = {{1, 1, 1}, {1, 1, 9}, {1, 7, 1}, {1, 13, 70}, {3, 5, 6}};

template <class L>
void add_maps(const std::string& type) {
  for (const Size& size : sizes) {
    const Index n = size.depth * size.height * size.width;
    const std::string name =
        type + " " + std::to_string(size.depth) + "x" + std::to_string(size.height) + "x" + std::to_string(size.width);
    add_case("boundaries " + name, [=](const Execution& on, Digest& digest) {
      const std::vector<L> a = label_map<L>(n, 0), b = label_map<L>(n, 1);
      const std::vector<LabelMap<L>> maps{{a.data(), size.depth, size.height, size.width},
                                          {b.data(), size.depth, size.height, size.width}};
      for (const Index squared_radius : {1, 2, 30, 400})
        for (const Index connectivity : {1, 2}) {
          std::vector<std::uint8_t> first(n), second(n);
          const std::vector<L> ignored{static_cast<L>(-1)};
          Boundaries<L>(maps, {first.data(), second.data()}, {connectivity, squared_radius}, ignored).mark(on);
          digest.add(first);
          digest.add(second);
        }
    });
    add_case("sample_pixels " + name, [=](const Execution& on, Digest& digest) {
      const std::vector<L> a = label_map<L>(n, 0);
      const std::vector<std::uint8_t> mask(n, 1);
      for (const bool balanced : {false, true}) {
        PixelSampler<L> sampler({5, 3, balanced}, {1, 2}, {}, true);
        const LabelMap<L> map{a.data(), size.depth, size.height, size.width};
        sampler.add({{map, nullptr, 0}, {map, mask.data(), 1}}, on);
        for (PixelDraw& draw : sampler.draws())
          for (const KeyedPixel& pixel : sorted_by_place(draw.chosen())) digest.add(pixel.key);
      }
    });
  }
}

/// Images (n, height, width, channels) of one type, from the last row to the first.
template <class P>
void add_images(const std::string& type, NumberType number, Index channels) {
  const Index n = 11, height = 4, width = 6;
  add_case("images " + type + " " + std::to_string(channels), [=](const Execution& on, Digest& digest) {
    std::vector<P> pixels(n * height * width * channels);
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<P>(i * i % 97);
    const auto step = static_cast<Index>(sizeof(P));
    const auto* last_row = reinterpret_cast<const char*>(pixels.data() + (height - 1) * width * channels);
    for (const Index side : {1, 2}) {
      const Positions positions{{last_row, number, n, height, width, channels, height * width * channels * step,
                                 -width * channels * step, channels * step, step},
                                side};
      std::vector<std::int32_t> ids(positions.count() * n);
      digest.add(quantise_pixels(positions, {3, 7}, ids.data(), on));
      digest.add(ids);
      const auto a = problem<double>(n, 5, 2), b = problem<double>(n, 2, 2);
      const HScoreOptions options{false, 0.1, false};
      const auto scores =
          pixel_h_score<double>({a.features(), b.features()}, {{0}, {0, 1}}, positions, {3, 7}, options, 1e6, on);
      for (const HScore& score : scores.scores) digest.add(score.values);
    }
  });
}

template <class T>
void add_gathering(const std::string& type) {
  for (const bool linear : {false, true})
    add_case("gather " + type + (linear ? " linear" : " nearest"), [=](const Execution& on, Digest& digest) {
      std::vector<T> values(2 * 3 * 1 * 4 * 5);
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(i);
      FeatureMaps<T> maps{values.data(), {}, {}};
      const Index shape[] = {2, 3, 1, 4, 5}, strides[] = {60, 20, 20, 5, 1};
      for (int axis = 0; axis < 5; ++axis) {
        maps.shape[axis] = shape[axis];
        maps.strides[axis] = strides[axis];
      }
      std::vector<std::int64_t> image, coordinates;
      for (std::int64_t row = 0; row < 8; ++row)
        for (std::int64_t column = 0; column < 10; ++column) {
          image.push_back((row + column) % 2);
          coordinates.insert(coordinates.end(), {0, row, column});
        }
      const PixelPlaces places{static_cast<Index>(image.size()), image.data(), coordinates.data(), {1, 2, 2}};
      std::vector<T> out(image.size() * 3);
      gather(maps, places, linear, out.data(), on);
      digest.add(out);
    });
}

const Cases cases([] {
  add_maps<std::uint8_t>("uint8");
  add_maps<std::uint16_t>("uint16");
  add_maps<std::uint64_t>("uint64");
  for (const Index channels : {1, 3}) {
    add_images<std::uint8_t>("uint8", NumberType::uint8, channels);
    add_images<std::int16_t>("int16", NumberType::int16, channels);
    add_images<float>("float", NumberType::float32, channels);
    add_images<std::uint64_t>("uint64", NumberType::uint64, channels);
  }
  add_gathering<float>("float");
  add_gathering<double>("double");
});

}  // namespace
}  // namespace transferscore
