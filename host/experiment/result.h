// What was read from a trained model, on disk: result.json, which says what it depends on and is read only if all of
// that agrees.
#pragma once
#include <cmath>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "host/experiment/settings.h"
#include "host/files/json.h"

namespace warpvae {

/// The members of a result by their names in the file: listed once, written and read by the same list.
class Fields {
  public:
    static Fields writer(Json& json) { return Fields(json, false); }
    static Fields reader(Json& json) { return Fields(json, true); }

    /// A number (NaN is null in the file), an array, a list, or a struct that has fields() of its own; an optional one
    /// that is empty is left out.
    template <class T>
    void operator()(const char* name, T& value) {
        if (reads_)
            read(json_->at(name), value);
        else
            write((*json_)[name], value);
    }
    template <class T>
    void operator()(const char* name, std::optional<T>& value) {
        if (!reads_) {
            if (value) (*this)(name, *value);
        } else if (json_->contains(name)) {
            (*this)(name, value.emplace());
        } else {
            value.reset();
        }
    }
    /// Members of a struct that has no fields() of its own, listed by `list`.
    void group(const char* name, const std::function<void(Fields&)>& list) {
        if (!reads_) (*json_)[name] = Json::object();
        Fields inner(json_->at(name), reads_);
        list(inner);
    }

  private:
    Fields(Json& json, bool reads) : json_(&json), reads_(reads) {}
    template <class T>
    static void read(Json& from, T& value) {
        if constexpr (requires(Fields & f) { value.fields(f); }) {
            Fields inner = reader(from);
            value.fields(inner);
        } else if constexpr (std::is_floating_point_v<T>) {
            value = from.is_null() ? NAN : from.get<T>();
        } else if constexpr (requires { value.begin(); }) {
            if constexpr (requires { value.resize(0); }) value.resize(from.size());
            if (from.size() != value.size()) throw Json::other_error::create(501, "another length", &from);
            std::size_t i = 0;
            for (auto& item : value) read(from.at(i++), item);
        } else {
            from.get_to(value);
        }
    }
    template <class T>
    static void write(Json& to, T& value) {
        if constexpr (requires(Fields & f) { value.fields(f); }) {
            to = Json::object();
            Fields inner = writer(to);
            value.fields(inner);
        } else if constexpr (requires { value.begin(); }) {
            to = Json::array();
            for (auto& item : value) write(to.emplace_back(), item);
        } else {
            to = value;
        }
    }
    Json* json_;
    bool reads_;
};

/// All that a result depends on.
struct Origin {
    Values training;    ///< settings, own values, digest of the training images
    Values evaluation;  ///< settings, digest of the test images, version of the evaluation
};

enum class Found {
    kNothing,
    kSame,
    kOtherEvaluation,  ///< the weights agree, what was read from them does not
    kOtherTraining,
};
struct ResultOnDisk {
    Found found = Found::kNothing;
    Values training = {};  ///< what a result of kOtherTraining was trained with
};
/// Calls `read` with the file's fields if all of `origin` agrees. Throws Error naming a damaged file.
ResultOnDisk read_result(const std::filesystem::path& path, const Origin& origin,
                         const std::function<void(Fields&)>& read);
/// Replaces the file as a whole. Throws Error naming it where that fails.
void write_result(const std::filesystem::path& path, const Origin& origin, const std::function<void(Fields&)>& write);

}  // namespace warpvae
