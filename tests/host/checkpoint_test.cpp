// Files of weights and of training states, byte for byte: torch's order of every tensor, whatever its order in memory.
#include "host/core/checkpoint.h"

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

constexpr int kOut = 2, kIn = 3, kSide = 2, kWeights = kOut * kIn * kSide * kSide;

/// A convolution: weight [out, in, side, side] with channels last, bias [out].
ParameterLayout convolution() {
    ParameterLayout layout;
    layout.add("conv.0.weight", {kOut, kIn, kSide, kSide}, Initial(), MemoryFormat::kChannelsLast);
    layout.add("conv.0.bias", {kOut}, Initial());
    return layout;
}

void append_range(std::string& bytes, float first, int count) {
    for (int i = 0; i < count; ++i) {
        const float value = first + float(i);
        bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
}
std::string with_header(std::string header, const std::string& data) {
    while (header.size() % 8) header += ' ';
    const std::uint64_t size = header.size();
    return std::string(reinterpret_cast<const char*>(&size), 8) + header + data;
}

/// The arena of `layout` whose weight is first, first + 1, ... in torch's order and whose bias is bias, bias + 1.
std::vector<float> arena_of(const ParameterLayout& layout, float first, float bias) {
    std::vector<float> arena(layout.size(), 0.f);
    std::size_t at = layout.tensors()[0].offset;
    for (int o = 0; o < kOut; ++o)
        for (int i = 0; i < kSide; ++i)
            for (int j = 0; j < kSide; ++j)
                for (int c = 0; c < kIn; ++c) arena[at++] = first + float(((o * kIn + c) * kSide + i) * kSide + j);
    for (int o = 0; o < kOut; ++o) arena[layout.tensors()[1].offset + o] = bias + float(o);
    return arena;
}

TEST(Checkpoint, WeightsHaveTorchsOrderInTheFile) {
    const test::TemporaryFolder folder;
    std::string data;
    append_range(data, 0, kWeights);
    append_range(data, 100, kOut);
    const std::string bytes = with_header(R"({"__metadata__":{"seed":"1"},)"
                                          R"("conv.0.weight":{"dtype":"F32","shape":[2,3,2,2],"data_offsets":[0,96]},)"
                                          R"("conv.0.bias":{"dtype":"F32","shape":[2],"data_offsets":[96,104]}})",
                                          data);
    const ParameterLayout layout = convolution();
    write_file(folder / "given.safetensors", bytes);
    const std::vector<float> arena = load_weights(folder / "given.safetensors", layout);
    EXPECT_EQ(arena, arena_of(layout, 0, 100));
    save_weights(folder / "saved.safetensors", layout, arena, {{"seed", "1"}});
    EXPECT_EQ(read_file(folder / "saved.safetensors"), bytes);
}

/// A checkpoint of step 7 whose optimiser's arrays have these names. The data lies widest type first: the step and the
/// sums of losses before all floats.
std::string checkpoint_bytes(const std::string& first_moments, const std::string& second_moments) {
    std::string header = R"({"__metadata__":{"seed":"1"})", data;
    int at = 16;
    for (const std::string& prefix : {std::string(), first_moments, second_moments})
        for (const bool weight : {true, false}) {
            const int end = at + 4 * (weight ? kWeights : kOut);
            header += ",\"" + prefix + (weight ? "conv.0.weight" : "conv.0.bias") + R"(":{"dtype":"F32","shape":)" +
                      (weight ? "[2,3,2,2]" : "[2]") + R"(,"data_offsets":[)" + std::to_string(at) + "," +
                      std::to_string(end) + "]}";
            at = end;
        }
    header += R"(,"step":{"dtype":"U64","shape":[1],"data_offsets":[0,8]},)"
              R"("loss_sums":{"dtype":"F64","shape":[1],"data_offsets":[8,16]}})";
    const std::uint64_t step = 7;
    const double loss = 1.5;
    data.append(reinterpret_cast<const char*>(&step), 8);
    data.append(reinterpret_cast<const char*>(&loss), 8);
    for (const float first : {0.f, 200.f, 400.f})
        append_range(data, first, kWeights), append_range(data, first + 100, kOut);
    return with_header(header, data);
}

TEST(Checkpoint, MomentsHaveTorchsOrderInTheFile) {
    const ParameterLayout layout = convolution();
    const auto expect_state = [&](const std::string& bytes, Optimiser optimiser) {
        const test::TemporaryFolder folder;
        write_file(folder / kCheckpoint, bytes);
        const auto states = common_checkpoints({folder.path()}, layout, {{{"seed", "1"}}});
        ASSERT_TRUE(states);
        const Trainer::State& state = states->at(0);
        EXPECT_EQ(state.step, 7u);
        EXPECT_EQ(state.optimiser, optimiser);
        EXPECT_EQ(state.values, arena_of(layout, 0, 100));
        EXPECT_EQ(state.first_moments, arena_of(layout, 200, 300));
        EXPECT_EQ(state.second_moments, arena_of(layout, 400, 500));
        EXPECT_EQ(state.loss_sums, std::vector<double>{1.5});
        save_checkpoint(folder.path(), layout, state, {{"seed", "1"}});
        EXPECT_EQ(read_file(folder / kCheckpoint), bytes);
        EXPECT_EQ(read_file(folder / kPreviousCheckpoint), bytes) << "what was there is kept";
    };
    expect_state(checkpoint_bytes("adam.m.", "adam.v."), Optimiser::kAdam);
    expect_state(checkpoint_bytes("adadelta.squares.", "adadelta.updates."), Optimiser::kAdadelta);
}

// Two replicas; the disk is full when the second is to be saved, again and again: they keep sharing a step.
TEST(Checkpoint, SavesThatFailBetweenReplicasLoseNoCommonStep) {
    const test::TemporaryFolder folder;
    const ParameterLayout layout = convolution();
    const std::vector<std::filesystem::path> folders = {folder / "a", folder / "b"};
    Trainer::State state;
    state.values = state.first_moments = state.second_moments = arena_of(layout, 0, 100);
    state.loss_sums = {0.};
    const auto save = [&](std::size_t replica, std::uint64_t step) {
        std::filesystem::create_directories(folders[replica]);
        state.step = step;
        save_checkpoint(folders[replica], layout, state, {});
    };
    save(0, 100), save(1, 100);
    for (const std::uint64_t step : {200, 300, 400}) {
        save(0, step);
        const auto states = common_checkpoints(folders, layout, {{}, {}});
        ASSERT_TRUE(states) << "at step " << step;
        EXPECT_EQ((*states)[0].step, 100u);
        for (const auto& of_replica : folders) drop_checkpoint_after(of_replica, 100);
    }
}

TEST(Checkpoint, RefusesATensorOfAnotherShape) {
    const test::TemporaryFolder folder;
    const std::string weights = folder / "given.safetensors";
    const ParameterLayout layout = convolution();
    save_weights(weights, layout, arena_of(layout, 0, 100), {});
    ParameterLayout other;  // as many elements, in memory's order of axes
    other.add("conv.0.weight", {kOut, kSide, kSide, kIn}, Initial());
    other.add("conv.0.bias", {kOut}, Initial());
    EXPECT_THROW(load_weights(weights, other), Error);
    other.add("conv.2.bias", {kOut}, Initial());
    EXPECT_THROW(load_weights(weights, other), Error);
}

}  // namespace
}  // namespace warpvae
