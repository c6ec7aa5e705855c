#include "host/files/safetensors.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <set>

#include "data/files.h"
#include "host/files/json.h"

namespace warpvae {
namespace {

constexpr char kMetadata[] = "__metadata__";
constexpr std::uint64_t kLongestHeader = 100'000'000;  // the format's own limit
constexpr int kDeepest = 3;                            // of brackets in brackets: {"name": {"shape": [

constexpr struct {
    DType dtype;
    const char* name;
    std::size_t size;
} kTypes[] = {
    {DType::F32, "F32", 4}, {DType::F64, "F64", 8}, {DType::I64, "I64", 8},
    {DType::U64, "U64", 8}, {DType::U8, "U8", 1},
};

/// Bytes of a tensor, or nothing where a size is negative or the product overflows.
std::optional<std::uint64_t> byte_count(const std::vector<std::int64_t>& shape, DType dtype) {
    std::uint64_t bytes = size_of(dtype);
    for (const std::int64_t size : shape) {
        if (size < 0 || __builtin_mul_overflow(bytes, std::uint64_t(size), &bytes)) return {};
    }
    return bytes;
}

/// A name or a value in a complaint, quoted: it may hold anything.
std::string shortened(const Json& value) {
    std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
    if (text.size() > 40) text = text.substr(0, 40) + "...";
    return text;
}

std::string misfit(const Tensor& tensor, std::uint64_t bytes) {
    return "tensor " + shortened(tensor.name) + " of shape " + Json(tensor.shape).dump() + " and " +
           name_of(tensor.dtype) + " does not fit its " + std::to_string(bytes) + " bytes";
}

/// Reads one header; every complaint begins with the file's name.
class Reader {
  public:
    Reader(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {}

    SafeTensors read() {
        const Json header = parse_header();
        SafeTensors file;
        for (const auto& [name, entry] : header.items()) {
            if (name == kMetadata)
                read_metadata(entry, file);
            else
                file.tensors.push_back(read_tensor(name, entry));
        }
        check_coverage();
        return file;
    }

  private:
    [[noreturn]] void fail(const std::string& what) const {
        throw Error(where_ + " is not a valid safetensors file: " + what);
    }

    Json parse_header() {
        if (bytes_.size() < 8) fail("it has " + std::to_string(bytes_.size()) + " bytes, not even a header length");
        std::uint64_t length;
        std::memcpy(&length, bytes_.data(), 8);
        if (length > kLongestHeader) fail("its header claims " + std::to_string(length) + " bytes");
        if (length > bytes_.size() - 8)
            fail("truncated: its header has " + std::to_string(length) + " bytes, the file only " +
                 std::to_string(bytes_.size()));
        data_ = bytes_.substr(8 + length);
        bool repeated = false, deep = false;
        std::vector<std::set<std::string>> keys;
        const auto watch = [&](int depth, Json::parse_event_t event, Json& value) {
            if (event == Json::parse_event_t::object_start) keys.emplace_back();
            if (event == Json::parse_event_t::object_end) keys.pop_back();
            if (event == Json::parse_event_t::key) repeated |= !keys.back().insert(value.get<std::string>()).second;
            return !(deep |= depth > kDeepest);
        };
        Json header = Json::parse(bytes_.substr(8, length), watch, false);
        if (deep) fail("its header has brackets too deep");
        if (!header.is_object()) fail("its header is not a JSON object");
        if (repeated) fail("its header names something twice");
        return header;
    }

    void read_metadata(const Json& entry, SafeTensors& file) const {
        if (!entry.is_object()) fail("its metadata is not a JSON object");
        for (const auto& [key, value] : entry.items()) {
            if (!value.is_string()) fail("its metadata " + Json(key).dump() + " is not a string");
            file.metadata.emplace_back(key, value.get<std::string>());
        }
    }

    Tensor read_tensor(const std::string& name, const Json& entry) {
        const std::string tensor = "tensor " + shortened(name);
        if (!entry.is_object() || entry.size() != 3 || !entry.contains("dtype") || !entry.contains("shape") ||
            !entry.contains("data_offsets"))
            fail(tensor + " needs dtype, shape and data_offsets, and nothing else");
        Tensor out;
        out.name = name;
        const Json& dtype = entry["dtype"];
        const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes), [&](auto& t) { return dtype == t.name; });
        if (type == std::end(kTypes))
            fail(tensor + " has dtype " + shortened(dtype) + "; F32, F64, I64, U64 and U8 are known");
        out.dtype = type->dtype;
        out.shape = sizes(entry["shape"], tensor + " shape");
        const std::vector<std::int64_t> range = sizes(entry["data_offsets"], tensor + " data_offsets");
        if (range.size() != 2 || range[0] > range[1]) fail(tensor + " has data_offsets that are not [begin, end]");
        const std::uint64_t begin = std::uint64_t(range[0]), end = std::uint64_t(range[1]);
        if (end > data_.size())
            fail("truncated: " + tensor + " ends at byte " + std::to_string(end) + " of the data, which has " +
                 std::to_string(data_.size()));
        if (byte_count(out.shape, out.dtype) != end - begin) fail(misfit(out, end - begin));
        const auto data = std::as_bytes(std::span(data_)).subspan(begin, end - begin);
        out.bytes.assign(data.begin(), data.end());
        ranges_.emplace_back(begin, end);
        return out;
    }

    std::vector<std::int64_t> sizes(const Json& values, const std::string& what) const {
        if (!values.is_array()) fail(what + " is not a list");
        std::vector<std::int64_t> out;
        for (const Json& value : values) {
            if (!value.is_number_unsigned() || !std::in_range<std::int64_t>(value.get<std::uint64_t>()))
                fail(what + " holds " + shortened(value) + ", not a size");
            out.push_back(value.get<std::int64_t>());
        }
        return out;
    }

    /// The format allows neither overlaps nor holes nor anything after the last tensor.
    void check_coverage() {
        std::sort(ranges_.begin(), ranges_.end());
        std::uint64_t end = 0;
        for (const auto& [from, to] : ranges_) {
            if (from != end) fail(from < end ? "two tensors overlap" : "there is a hole between two tensors");
            end = to;
        }
        if (end != data_.size()) fail(std::to_string(data_.size() - end) + " bytes follow its last tensor");
    }

    std::string_view bytes_, data_;
    const std::string& where_;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges_;
};

}  // namespace

std::size_t size_of(DType dtype) { return kTypes[int(dtype)].size; }

const char* name_of(DType dtype) { return kTypes[int(dtype)].name; }

bool SafeTensors::contains(std::string_view name) const {
    return std::ranges::find(tensors, name, &Tensor::name) != tensors.end();
}

const Tensor& SafeTensors::at(std::string_view name) const {
    const auto tensor = std::ranges::find(tensors, name, &Tensor::name);
    if (tensor == tensors.end()) throw Error("there is no tensor " + std::string(name));
    return *tensor;
}

const std::string& SafeTensors::metadata_at(std::string_view key) const {
    const auto entry = std::ranges::find(metadata, key, &std::pair<std::string, std::string>::first);
    if (entry == metadata.end()) throw Error("there is no metadata " + std::string(key));
    return entry->second;
}

std::string encode_safetensors(const SafeTensors& file) {
    std::vector<std::size_t> order(file.tensors.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return size_of(file.tensors[a].dtype) > size_of(file.tensors[b].dtype);
    });
    std::vector<std::uint64_t> begin(file.tensors.size());
    std::uint64_t end = 0;
    for (const std::size_t i : order) {
        const Tensor& tensor = file.tensors[i];
        if (byte_count(tensor.shape, tensor.dtype) != tensor.bytes.size())
            throw Error(misfit(tensor, tensor.bytes.size()));
        begin[i] = end;
        end += tensor.bytes.size();
    }

    Json header = Json::object();
    for (const auto& [key, value] : file.metadata) header[kMetadata][key] = value;
    std::set<std::string_view> names{kMetadata};
    for (std::size_t i = 0; i < file.tensors.size(); ++i) {
        const Tensor& tensor = file.tensors[i];
        if (!names.insert(tensor.name).second) throw Error("two tensors are named " + tensor.name);
        header[tensor.name] = {{"dtype", name_of(tensor.dtype)},
                               {"shape", tensor.shape},
                               {"data_offsets", {begin[i], begin[i] + tensor.bytes.size()}}};
    }
    std::string text;
    try {
        text = header.dump();
    } catch (const Json::type_error&) {
        throw Error("a tensor's name or the metadata is not valid UTF-8");
    }
    text.resize((text.size() + 7) / 8 * 8, ' ');

    const std::uint64_t length = text.size();
    std::string out;
    out.reserve(8 + text.size() + end);
    out.append(reinterpret_cast<const char*>(&length), 8);
    out += text;
    for (const std::size_t i : order) {
        const auto& bytes = file.tensors[i].bytes;
        if (!bytes.empty()) out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    return out;
}

SafeTensors decode_safetensors(std::string_view bytes, const std::string& where) { return Reader(bytes, where).read(); }

void write_safetensors(const std::filesystem::path& path, const SafeTensors& file) {
    std::string bytes;
    try {
        bytes = encode_safetensors(file);
    } catch (const Error& error) {
        throw Error("cannot write " + path.string() + ": " + error.what());
    }
    write_file(path, bytes);
}

SafeTensors read_safetensors(const std::filesystem::path& path) {
    return decode_safetensors(read_file(path), path.string());
}

}  // namespace warpvae
