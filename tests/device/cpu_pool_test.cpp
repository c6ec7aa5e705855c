// The CPU device's pool of threads: every index once, whatever the grain, nested and from several threads at once.
// Under ThreadSanitizer launches run their blocks one after another, so this is where it watches the pool.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <vector>

#include "cuda/device/cpu_pool.h"
#include "cuda/device/device.h"

namespace warpvae {
namespace {

// At least three threads, also where there are fewer cores. Set before anything asks.
const int more_threads = setenv("WARPVAE_CORES", "3", 0);

TEST(Pool, EveryIndexOnce) {
    ASSERT_EQ(more_threads, 0);
    for (const std::size_t count : {0u, 1u, 2u, 3u, 7u, 64u, 1009u})
        for (const std::size_t grain : {0u, 1u, 2u, 5u, 64u, 2000u}) {
            std::vector<int> visits(count, 0);
            cpu::parallel_for(
                count, grain, [](void* v, std::size_t i) { ++(*static_cast<std::vector<int>*>(v))[i]; }, &visits);
            ASSERT_EQ(visits, std::vector<int>(count, 1)) << count << " by " << grain;
        }
}

TEST(Pool, WhatWasWrittenBeforeIsSeenAndWhatWasWrittenWithinToo) {
    std::vector<int> in(100), out(100);
    for (int round = 0; round < 200; ++round) {
        for (int i = 0; i < 100; ++i) in[i] = round + i;
        cpu::parallel_for(100, [&](std::size_t i) { out[i] = 2 * in[i]; });
        for (int i = 0; i < 100; ++i) ASSERT_EQ(out[i], 2 * (round + i));
    }
}

TEST(Pool, AnExceptionReachesTheCaller) {
    for (std::size_t bad = 0; bad < 100; ++bad)
        EXPECT_THROW(cpu::parallel_for(100,
                                       [&](std::size_t i) {
                                           if (i >= bad) throw std::runtime_error("no");
                                       }),
                     std::runtime_error);
    std::atomic<int> calls{0};
    cpu::parallel_for(100, [&](std::size_t) { ++calls; });
    EXPECT_EQ(calls, 100);
}

TEST(Pool, SleepersWake) {
    std::atomic<int> total{0};
    for (int round = 0; round < 5; ++round) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));  // longer than the workers spin
        cpu::parallel_for(50, [&](std::size_t) { total.fetch_add(1, std::memory_order_relaxed); });
    }
    EXPECT_EQ(total.load(), 250);
}

TEST(Pool, Nests) {
    std::vector<int> visits(12 * 20, 0);
    cpu::parallel_for(12,
                      [&](std::size_t i) { cpu::parallel_for(20, [&, i](std::size_t j) { ++visits[20 * i + j]; }); });
    EXPECT_EQ(visits, std::vector<int>(12 * 20, 1));
}

TEST(Pool, ServesSeveralThreadsAtOnce) {
    std::vector<std::vector<int>> visits(4, std::vector<int>(300, 0));
    std::vector<std::thread> callers;
    for (std::vector<int>& own : visits)
        callers.emplace_back([&own] {
            for (int round = 0; round < 20; ++round) cpu::parallel_for(300, [&own](std::size_t i) { ++own[i]; });
        });
    for (std::thread& caller : callers) caller.join();
    for (const std::vector<int>& own : visits) EXPECT_EQ(own, std::vector<int>(300, 20));
}

TEST(Pool, AccessToDeviceMemoryNestsAcrossThreads) {
    std::vector<std::thread> users;
    void* memory = device_allocate(4096, "shared by threads");
    for (int t = 0; t < 4; ++t)
        users.emplace_back([memory, t] {
            std::vector<char> host(1024, static_cast<char>(t));
            char* own = static_cast<char*>(memory) + 1024 * t;
            for (int round = 0; round < 50; ++round) {
                const cpu::DeviceAccess outer;
                check(copy_to_device(own, host.data(), 1024));
                check(copy_to_host(host.data(), own, 1024));
            }
        });
    for (std::thread& user : users) user.join();
    device_free(memory);
}

}  // namespace
}  // namespace warpvae
