// A web server on 127.0.0.1 for one test: it answers as the test says, also badly: cut off, slowly, not at all.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace warpvae::test {

struct Request {
    std::string path;
    long range_start = -1;  ///< of "Range: bytes=N-"; -1 where there is none
};

struct Reply {
    int status = 200;
    std::string body = {};
    bool serves_ranges = true;
    bool announces_length = true;
    std::size_t cut_after = std::string::npos;  ///< closes the connection after so many bytes of the body
    std::size_t chunk = 1 << 16;                ///< bytes at a time,
    std::chrono::milliseconds pause{0};         ///< with a pause after each
    bool silent = false;                        ///< accepts, and says nothing until the other side gives up
};

class LocalServer {
  public:
    explicit LocalServer(std::function<Reply(const Request&)> answer) : answer_(std::move(answer)) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 16) != 0 ||
            ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
            throw std::runtime_error("cannot listen on 127.0.0.1");
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~LocalServer() {
        stop_ = true;
        thread_.join();
        ::close(listener_);
    }
    LocalServer(const LocalServer&) = delete;
    LocalServer& operator=(const LocalServer&) = delete;

    std::string url(const std::string& path = "/") const { return "http://127.0.0.1:" + std::to_string(port_) + path; }
    std::vector<Request> requests() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }

  private:
    /// True once the socket can be read; false after stop or so many milliseconds.
    bool wait_readable(int socket, int milliseconds) const {
        for (int waited = 0; waited < milliseconds && !stop_; waited += 20) {
            pollfd events{socket, POLLIN, 0};
            if (::poll(&events, 1, 20) > 0) return true;
        }
        return false;
    }
    void serve() {
        while (!stop_) {
            if (!wait_readable(listener_, 1000)) continue;
            const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (connection < 0) continue;
            const timeval patience{5, 0};
            ::setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
            converse(connection);
            ::close(connection);
        }
    }
    void converse(int connection) {
        std::string text;
        while (text.find("\r\n\r\n") == std::string::npos) {
            char bytes[4096];
            if (!wait_readable(connection, 5000)) return;
            const ssize_t count = ::recv(connection, bytes, sizeof bytes, 0);
            if (count <= 0) return;
            text.append(bytes, static_cast<std::size_t>(count));
        }
        Request request;
        const std::size_t from = text.find(' ') + 1;
        request.path = text.substr(from, text.find(' ', from) - from);
        if (const std::size_t range = text.find("Range: bytes="); range != std::string::npos)
            request.range_start = std::stol(text.substr(range + 13));
        {
            const std::lock_guard lock(mutex_);
            requests_.push_back(request);
        }
        send_reply(connection, request, answer_(request));
    }
    void send_reply(int connection, const Request& request, Reply reply) {
        if (reply.silent) {
            char byte;
            while (!stop_ && (!wait_readable(connection, 200) || ::recv(connection, &byte, 1, 0) > 0)) {
            }
            return;
        }
        if (reply.status == 200 && reply.serves_ranges && request.range_start > 0) {
            const auto start = static_cast<std::size_t>(request.range_start);
            reply.status = start < reply.body.size() ? 206 : 416;
            reply.body = start < reply.body.size() ? reply.body.substr(start) : "";
        }
        std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " Reply\r\nConnection: close\r\n";
        if (reply.announces_length) head += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
        if (!send_all(connection, head + "\r\n")) return;
        const std::string_view body = std::string_view(reply.body).substr(0, reply.cut_after);
        for (std::size_t at = 0; at < body.size() && !stop_; at += reply.chunk) {
            if (!send_all(connection, body.substr(at, reply.chunk))) return;
            if (reply.pause.count()) std::this_thread::sleep_for(reply.pause);
        }
    }
    static bool send_all(int connection, std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }

    std::function<Reply(const Request&)> answer_;
    int listener_ = -1, port_ = 0;
    std::atomic<bool> stop_{false};
    mutable std::mutex mutex_;
    std::vector<Request> requests_;
    std::thread thread_;
};

}  // namespace warpvae::test
