// A folder for one test, gone at its end; and the one line that an error would show a user.
#pragma once
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "data/error.h"
#include "data/files.h"

namespace warpvae::test {

class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string name = (scratch_folder() / "warpvae-test-XXXXXX").string();
        if (!::mkdtemp(name.data())) throw Error("cannot make " + name);
        path_ = name;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }
    /// Writes `bytes` to a file in the folder.
    std::filesystem::path file(const std::filesystem::path& name, std::string_view bytes) const {
        write_file(path_ / name, bytes);
        return path_ / name;
    }

  private:
    std::filesystem::path path_;
};

/// The message of the Error that `body` throws, which must be one line; fails the test if it throws none.
template <class Body>
std::string message_of(Body body) {
    try {
        body();
    } catch (const Error& error) {
        const std::string line = error.what();
        EXPECT_EQ(line.find('\n'), std::string::npos) << "not one line: " << line;
        return line;
    }
    ADD_FAILURE() << "no error was thrown";
    return "";
}

/// Expects the message of `body` to contain each of `words`.
template <class Body, class... Words>
void expect_message(Body body, Words... words) {
    const std::string line = message_of(body);
    for (const std::string& word : {std::string(words)...})
        EXPECT_NE(line.find(word), std::string::npos) << "\"" << word << "\" is not in: " << line;
}

}  // namespace warpvae::test
