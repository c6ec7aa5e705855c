#include "host/experiment/result.h"

#include "data/error.h"
#include "data/files.h"
#include "host/core/phase.h"

namespace warpvae {
namespace {

Json to_json(const Values& values) {
    Json json = Json::object();
    for (const auto& [name, value] : values) json[name] = value;
    return json;
}
Values values_in(const Json& json) {
    Values values;
    for (const auto& [name, value] : json.items()) values.emplace_back(name, value.get<std::string>());
    return values;
}

}  // namespace

ResultOnDisk read_result(const std::filesystem::path& path, const Origin& origin,
                         const std::function<void(Fields&)>& read) {
    if (!std::filesystem::exists(path)) return {};
    try {
        Json json = Json::parse(read_file(path));
        const Values training = values_in(json.at("training"));
        if (!difference(origin.training, training).empty()) return {Found::kOtherTraining, training};
        if (!difference(origin.evaluation, values_in(json.at("evaluation"))).empty()) return {Found::kOtherEvaluation};
        Fields fields = Fields::reader(json.at("result"));
        read(fields);
        return {Found::kSame};
    } catch (const Json::exception& e) {
        throw Error(path.string() + " is damaged (" + e.what() + "); delete it to evaluate that model again");
    }
}

void write_result(const std::filesystem::path& path, const Origin& origin, const std::function<void(Fields&)>& write) {
    const InPhase phase(Phase::kFiles);
    Json json = {
        {"training", to_json(origin.training)}, {"evaluation", to_json(origin.evaluation)}, {"result", Json::object()}};
    Fields fields = Fields::writer(json["result"]);
    write(fields);
    write_file(path, json.dump(2) + "\n");
}

}  // namespace warpvae
