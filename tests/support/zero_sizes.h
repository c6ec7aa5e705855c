// Calls of launchers with what they have to leave behind: outputs that begin as NaN between guard words, inputs of
// ones.
#pragma once
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <regex>
#include <set>
#include <string>

#include "cuda/ops.h"
#include "tests/support/device_test.h"

namespace warpvae::test {

/// What the outputs of the call under way have to hold after it, noted as its arguments are made.
inline std::vector<std::function<void()>> expectations;
/// The launchers called so far.
inline std::set<std::string> called;

/// An output, whatever its type: `count` elements, which hold `after`, over and over, after the call (NaN: nothing was
/// written), and before it NaN or, where they are kept, the same.
struct Output {
    std::size_t count;
    std::vector<double> after;
    bool is_kept = false;
    template <class T>
    operator T*() const {  // structs are made of doubles, or, without elements, of anything
        using E = std::conditional_t<std::is_arithmetic_v<T>, T, double>;
        std::vector<E> expected(count * sizeof(T) / sizeof(E));
        for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = E(after[i % after.size()]);
        const auto buffer = std::make_shared<GuardedBuffer<E>>(expected.size());
        if (is_kept) buffer->upload(expected);
        expectations.push_back([buffer, expected] {
            const auto same = [](E a, E b) { return a == b || (a != a && b != b); };
            const std::vector<E> found = buffer->download();
            EXPECT_TRUE(std::equal(found.begin(), found.end(), expected.begin(), same))
                << ::testing::PrintToString(found) << ", expected " << ::testing::PrintToString(expected);
        });
        return reinterpret_cast<T*>(buffer->data());
    }
};
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
inline const Output none{0, {}};
inline Output all(std::size_t count, double value) { return {count, {value}}; }
inline Output zeros(std::size_t count) { return all(count, 0); }
inline Output kept(std::size_t count) { return {count, {3}, true}; }

/// An input, whatever its type: 1,024 ones, or pointers to ones; a round of L-BFGS that does all there is to do.
struct Input {
    template <class T>
    operator const T*() const {
        if constexpr (std::is_pointer_v<T>) {
            static const auto* pointers = new GuardedBuffer<T>(std::vector<T>(64, T(*this)));
            return pointers->data();
        } else {
            T one{};
            if constexpr (std::is_arithmetic_v<T>) one = T(1);
            if constexpr (std::is_same_v<T, LbfgsControl>) one = {1, 1, 1, 1, 0, 1.};
            static const auto* numbers = new GuardedBuffer<T>(std::vector<T>(1024, one));
            return numbers->data();
        }
    }
};
inline const Input ones;

inline void expect_call(const std::string& text, Status status, int code) {
    SCOPED_TRACE(text);
    called.insert(text.substr(0, text.find_first_of("<(")));
    EXPECT_EQ(status.code, code);
    for (const auto& expectation : expectations) expectation();
    expectations.clear();
}
/// A header of cuda/ops/ of evaluation's launchers: these have a test of their own.
inline bool is_of_evaluation(const std::filesystem::path& header) {
    return header.stem() == "linear_models" || header.stem() == "umap";
}
/// What the headers that are `meant` declare at the start of a line as returning a Status (or, some, a bool).
template <class Meant>
std::set<std::string> declared_launchers(Meant meant) {
    std::set<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(WARPVAE_GOLDENS "/../../cuda/ops")) {
        if (!meant(file.path())) continue;
        std::ifstream in(file.path());
        std::smatch match;
        for (std::string line; std::getline(in, line);)
            if (std::regex_search(line, match, std::regex("^(Status|bool) (\\w+)\\("))) names.insert(match[2]);
    }
    return names;
}

#define TAKES(...) expect_call(#__VA_ARGS__, __VA_ARGS__, 0)
#define REFUSES(...) expect_call(#__VA_ARGS__, __VA_ARGS__, kInvalidValue)

}  // namespace warpvae::test
