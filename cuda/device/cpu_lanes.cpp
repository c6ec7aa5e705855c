// Running a block as lanes. Each thread of the block is a fiber. A fiber runs until it meets a barrier, a warp
// operation or its end. Then the first fiber that can go on runs, in the order of launch_options(); so the first warps
// run ahead of the last as far as barriers let them. That is the worst schedule that a kernel must bear: a kernel which
// relies on another thread having come so far already, or not having gone further, fails in one order or another.
//
// Lanes wait in meetings: one for the block's barrier, one for each mask that a warp's operations use. When no lane can
// go on, the meetings tell why. Nothing here may use containers: ThreadSanitizer would watch them (cpu_fiber.h).
#include "cuda/device/cpu_lanes.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "cuda/device/cpu_device.h"
#include "cuda/device/cpu_fiber.h"
#include "cuda/device/launch_options.h"

namespace warpvae::cpu {

__thread struct Lanes* lanes = nullptr;

namespace {

constexpr int kMaxThreads = 1024, kWarp = 32, kMaxWarps = kMaxThreads / kWarp;
// A lane whose atomics change nothing may be waiting for another. After so many such atomics it lets the others run. If
// for so many rounds no lane did anything else, none ever will.
constexpr unsigned kIdleAtomicsPerTurn = 4096;
constexpr int kIdleRounds = 64;
// A warp may run ahead by so many operations before the others have a turn: it may be waiting for them.
constexpr int kMostAhead = 4096;

struct Meeting {
    unsigned mask = 0;     // of a warp operation; 0: not in use
    unsigned arrived = 0;  // at the barrier: how many; in a warp operation: which
    int first = 0;         // the lane that came first
    int sum = 0;           // __syncthreads_count, of those that have come
    int total = 0;         // and of all, the last time that the barrier was full
    // The addresses that lanes release and acquire. Two take turns: what a lane does on its way to the next meeting
    // must not seem to come before what another does that has yet to leave this one.
    unsigned turn = 0;
    char clock[2] = {};
};

enum class State : unsigned char { kReady, kAtBarrier, kInWarp, kEnded };

struct Lane {
    Fiber fiber;
    State state = State::kEnded;
    unsigned idle_atomics = 0;
    // Where it stopped last, and with what.
    const char* what = "";
    const char* file = "";
    int line = 0;
    Meeting* meeting = nullptr;
    char* clock = nullptr;
    WarpOp op = WarpOp::kSync;
    int argument = 0, width = kWarp;
    std::uint64_t value = 0, result = 0;
};

WARPVAE_UNWATCHED const char* name_of(WarpOp op) {
    switch (op) {
        case WarpOp::kShuffle:
            return "__shfl_sync";
        case WarpOp::kShuffleXor:
            return "__shfl_xor_sync";
        case WarpOp::kShuffleDown:
            return "__shfl_down_sync";
        case WarpOp::kShuffleUp:
            return "__shfl_up_sync";
        case WarpOp::kBallot:
            return "__ballot_sync";
        case WarpOp::kSync:
            return "__syncwarp";
    }
    return "";
}

WARPVAE_UNWATCHED bool same_place(const Lane& a, const Lane& b) {
    return a.line == b.line && a.op == b.op && (a.file == b.file || std::strcmp(a.file, b.file) == 0);
}

WARPVAE_UNWATCHED unsigned mask_of_threads(int threads) { return threads >= kWarp ? ~0u : (1u << threads) - 1u; }

thread_local char message[1024] = "no launch has failed";

}  // namespace

/// An OS thread's fibers and the block that they are running.
struct Lanes {
    Lane lane[kMaxThreads];
    Meeting barrier;
    Meeting warp_meetings[kMaxWarps][kWarp];
    FiberHost host;
    int order[kMaxThreads];
    int threads = 0, current = 0, ended = 0;
    bool progress = false;  // since the round began somebody met, or ended
    bool opened = false;    // the lane that ran last was the one that a meeting was waiting for
    void (*call)(void*) = nullptr;
    void* context = nullptr;
    void* dynamic_shared = nullptr;
    char start_clock = 0, end_clock = 0;
    // What went wrong, and the two lanes that show it (-1: one is enough).
    const char* failure = nullptr;
    int shown[2] = {-1, -1};

    Status run(int block_threads, std::size_t shared_bytes, void (*kernel)(void*), void* kernel_context);
    static void body();

    WARPVAE_UNWATCHED Lane& me() { return lane[current]; }
    WARPVAE_UNWATCHED void start();
    WARPVAE_UNWATCHED bool schedule(std::uint64_t random);
    WARPVAE_UNWATCHED bool rounds(std::uint64_t& random);
    WARPVAE_UNWATCHED void set_order(std::uint64_t& random);
    WARPVAE_UNWATCHED void stop_at(State state, const char* what, const char* file, int line);
    WARPVAE_UNWATCHED void arrive(Meeting& meeting);
    WARPVAE_UNWATCHED void wait();
    WARPVAE_UNWATCHED void fail(const char* kind, int one, int other);
    WARPVAE_UNWATCHED void find_stall();
    WARPVAE_UNWATCHED Meeting& meeting_of(int warp, unsigned mask);
    WARPVAE_UNWATCHED void exchange(const Meeting& meeting, int warp);
    WARPVAE_UNWATCHED std::uint64_t taken_by(int i, const Meeting& meeting, int warp);
    WARPVAE_UNWATCHED void give_up();
};

// --- the schedule ----------------------------------------------------------------------------------------------------

/// What a fiber runs: its thread of one block after another.
WARPVAE_UNWATCHED void Lanes::body() {
    Lanes& block = *lanes;
    Lane& self = block.me();
    self.fiber.enter(block.host);
    for (;;) {
        acquire(&block.start_clock);
        block.call(block.context);
        release(&block.end_clock);
        self.state = State::kEnded;
        ++block.ended;
        block.progress = true;
        self.fiber.leave(block.host);
    }
}

void Lanes::set_order(std::uint64_t& random) {
    const CpuBlocks way = launch_options().cpu_blocks;
    for (int i = 0; i < threads; ++i) order[i] = way == CpuBlocks::kLanesReverse ? threads - 1 - i : i;
    if (way != CpuBlocks::kLanesShuffle) return;
    for (int i = threads - 1; i > 0; --i) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        const int j = static_cast<int>((random >> 33) % static_cast<std::uint64_t>(i + 1));
        const int kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

/// Rounds over the lanes until all have ended; false if they never will.
bool Lanes::rounds(std::uint64_t& random) {
    for (int idle = 0; ended < threads;) {
        bool ran = false;
        int ahead = 0;
        progress = false;
        set_order(random);
        for (int k = 0; k < threads; ++k) {
            const int i = order[k];
            if (lane[i].state != State::kReady) continue;
            ran = true;
            opened = false;
            current = i;
            threadIdx = {static_cast<unsigned>(i), 0, 0};
            lane[i].fiber.resume(host);
            if (failure) return false;
            if (opened && ahead++ < kMostAhead) k = -1;
        }
        idle = progress ? 0 : idle + 1;
        if (!ran || idle > kIdleRounds) {
            find_stall();
            return false;
        }
    }
    return true;
}

bool Lanes::schedule(std::uint64_t random) {
    lanes = this;
    const bool done = rounds(random);
    lanes = nullptr;
    threadIdx = {0, 0, 0};
    return done;
}

void Lanes::start() {
    for (int i = 0; i < threads; ++i) {
        lane[i].state = State::kReady;
        lane[i].idle_atomics = 0;
    }
    ended = 0;
    failure = nullptr;
}

/// Forgets a block that failed. Its fibers stay where they are; what they did happens before what comes next.
void Lanes::give_up() {
    for (int i = 0; i < threads; ++i) {
        if (lane[i].state == State::kEnded) continue;
        if (lane[i].clock) acquire(lane[i].clock);
        lane[i].clock = nullptr;
        lane[i].state = State::kEnded;
        lane[i].fiber.discard();
    }
    barrier.arrived = 0;
    barrier.sum = 0;
    for (auto& warp : warp_meetings)
        for (Meeting& meeting : warp) meeting.mask = meeting.arrived = 0;
}

Status Lanes::run(int block_threads, std::size_t shared_bytes, void (*kernel)(void*), void* kernel_context) {
    threads = block_threads;
    call = kernel;
    context = kernel_context;
    for (int i = 0; i < threads; ++i)
        if (!lane[i].fiber.prepared()) lane[i].fiber.prepare(&Lanes::body, i);
    start();
    dynamic_shared = nullptr;
    if (shared_bytes) {
        dynamic_shared = std::malloc(shared_bytes);
        if (!dynamic_shared) throw std::bad_alloc();
        std::memset(dynamic_shared, 0xFF, shared_bytes);  // NaN: what nobody wrote cannot pass for a zero
    }
    const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    const std::uint64_t random = std::uint64_t(launch_options().lanes_seed) << 32 | block;
    release(&start_clock);
    const bool done = schedule(random);
    acquire(&end_clock);
    if (!done) {
        auto describe = [this](char* text, std::size_t bytes, int i) {
            const Lane& l = lane[i];
            if (l.state == State::kEnded)
                std::snprintf(text, bytes, "thread %d has ended", i);
            else
                std::snprintf(text, bytes, "thread %d %s at %s:%d (%s)", i,
                              l.state == State::kReady ? "spins" : "waits", l.file, l.line, l.what);
        };
        char one[400], other[400];
        describe(one, sizeof one, shown[0]);
        if (shown[1] >= 0) describe(other, sizeof other, shown[1]);
        std::snprintf(message, sizeof message, "%s in block (%u,%u,%u): %s%s%s", failure, blockIdx.x, blockIdx.y,
                      blockIdx.z, one, shown[1] >= 0 ? ", " : "", shown[1] >= 0 ? other : "");
        give_up();
    }
    std::free(dynamic_shared);
    dynamic_shared = nullptr;
    return {done ? 0 : kLanesError};
}

// --- meetings --------------------------------------------------------------------------------------------------------

void Lanes::stop_at(State state, const char* what, const char* file, int line) {
    Lane& self = me();
    self.state = state;
    self.what = what;
    self.file = file;
    self.line = line;
    self.idle_atomics = 0;
    progress = true;
}

/// The running lane has come to `meeting`: what it did so far is visible to those that leave it.
void Lanes::arrive(Meeting& meeting) {
    if (meeting.arrived == 0) meeting.first = current;
    me().meeting = &meeting;
    me().clock = &meeting.clock[meeting.turn & 1];
    release(me().clock);
}

void Lanes::wait() {
    Lane& self = me();
    self.fiber.leave(host);
    acquire(self.clock);
    self.clock = nullptr;
}

/// Ends the block; the running lane, if one runs, leaves for good at its next wait().
void Lanes::fail(const char* kind, int one, int other) {
    failure = kind;
    shown[0] = one;
    shown[1] = other;
    release(&end_clock);
}

WARPVAE_UNWATCHED int lanes_barrier_at(const char* what, int predicate, const char* file, int line) {
    Lanes& block = *lanes;
    Meeting& barrier = block.barrier;
    block.me().op = WarpOp::kSync;
    block.stop_at(State::kAtBarrier, what, file, line);
    block.arrive(barrier);
    if (!same_place(block.me(), block.lane[barrier.first])) {
        block.fail("divergent barrier", barrier.first, block.current);
    } else {
        barrier.sum += predicate != 0;
        if (++barrier.arrived == static_cast<unsigned>(block.threads)) {
            barrier.total = barrier.sum;
            barrier.sum = 0;
            barrier.arrived = 0;
            ++barrier.turn;
            block.opened = true;
            for (int i = 0; i < block.threads; ++i) block.lane[i].state = State::kReady;
        }
    }
    block.wait();
    return barrier.total;
}
WARPVAE_UNWATCHED void lanes_barrier(const char* file, int line) { lanes_barrier_at("__syncthreads", 0, file, line); }
WARPVAE_UNWATCHED int lanes_barrier_count(int predicate, const char* file, int line) {
    return lanes_barrier_at("__syncthreads_count", predicate, file, line);
}

Meeting& Lanes::meeting_of(int warp, unsigned mask) {
    Meeting* unused = nullptr;
    for (Meeting& meeting : warp_meetings[warp]) {
        if (meeting.mask == mask) return meeting;
        if (!unused && meeting.arrived == 0) unused = &meeting;  // at most 31 others are waiting in this warp
        if (meeting.mask == 0) break;
    }
    unused->mask = mask;
    return *unused;
}

/// What lane i takes from the others, as CUDA has it: its own value where the source lies outside the segment. The
/// value of a lane that does not take part is undefined, here NaN.
std::uint64_t Lanes::taken_by(int i, const Meeting& meeting, int warp) {
    const Lane& taker = lane[warp * kWarp + i];
    if (taker.op == WarpOp::kSync) return 0;
    if (taker.op == WarpOp::kBallot) {
        std::uint64_t votes = 0;
        for (int j = 0; j < kWarp; ++j)
            if (meeting.mask >> j & 1u && lane[warp * kWarp + j].value) votes |= std::uint64_t(1) << j;
        return votes;
    }
    const int begin = i / taker.width * taker.width, end = begin + taker.width;
    int source = i;
    switch (taker.op) {
        case WarpOp::kShuffle:
            source = begin + (taker.argument & (taker.width - 1));
            break;
        case WarpOp::kShuffleXor:
            source = i ^ taker.argument;
            break;
        case WarpOp::kShuffleDown:
            source = i + taker.argument;
            break;
        default:
            source = i - taker.argument;
            break;
    }
    const bool before = source < begin && (taker.op != WarpOp::kShuffleXor || source < 0);
    if (before || source >= end) source = i;
    return meeting.mask >> source & 1u ? lane[warp * kWarp + source].value : ~std::uint64_t(0);
}

void Lanes::exchange(const Meeting& meeting, int warp) {
    for (int i = 0; i < kWarp; ++i)
        if (meeting.mask >> i & 1u) lane[warp * kWarp + i].result = taken_by(i, meeting, warp);
    for (int i = 0; i < kWarp; ++i)
        if (meeting.mask >> i & 1u) lane[warp * kWarp + i].state = State::kReady;
}

WARPVAE_UNWATCHED std::uint64_t lanes_warp(WarpOp op, unsigned mask, std::uint64_t value, int argument, int width,
                                           const char* file, int line) {
    Lanes& block = *lanes;
    Lane& self = block.me();
    const int warp = block.current / kWarp;
    const unsigned bit = 1u << block.current % kWarp, there = mask_of_threads(block.threads - warp * kWarp);
    self.op = op;
    self.argument = argument;
    self.width = width;
    self.value = value;
    block.stop_at(State::kInWarp, name_of(op), file, line);
    if (op == WarpOp::kSync) mask &= there;  // its default mask names 32 lanes in the last, shorter warp too
    if (!(mask & bit)) {
        block.fail("warp operation by a lane that its mask leaves out", block.current, -1);
        block.wait();
    }
    if (mask & ~there) {
        block.fail("warp operation whose mask names lanes that the block does not have", block.current, -1);
        block.wait();
    }
    Meeting& meeting = block.meeting_of(warp, mask);
    block.arrive(meeting);
    if (!same_place(self, block.lane[meeting.first])) {
        block.fail("divergent warp operation", meeting.first, block.current);
    } else if ((meeting.arrived |= bit) == mask) {
        meeting.arrived = 0;
        ++meeting.turn;
        block.opened = true;
        block.exchange(meeting, warp);
    }
    block.wait();
    return self.result;
}

WARPVAE_UNWATCHED void lanes_idle_atomic(const char* file, int line) {
    Lanes& block = *lanes;
    Lane& self = block.me();
    if (++self.idle_atomics % kIdleAtomicsPerTurn) return;
    self.what = "an atomic that changes nothing";
    self.file = file;
    self.line = line;
    release(&block.end_clock);
    self.fiber.leave(block.host);
}

// --- what went wrong -------------------------------------------------------------------------------------------------

/// Nobody can go on: finds one who waits and one who will not come.
void Lanes::find_stall() {
    int at_barrier = -1, has_ended = -1, spinning = -1;
    for (int k = threads - 1; k >= 0; --k) {  // the first of each kind is shown
        const int i = order[k];
        if (lane[i].state == State::kAtBarrier) at_barrier = i;
        if (lane[i].state == State::kEnded) has_ended = i;
        if (lane[i].state == State::kReady) spinning = i;
    }
    int waiting = -1, awaited = -1;
    for (int k = 0; k < threads; ++k) {
        const int i = order[k];
        if (lane[i].state != State::kInWarp) continue;
        const Meeting& meeting = *lane[i].meeting;
        for (int j = 0; j < kWarp; ++j) {
            if (!((meeting.mask & ~meeting.arrived) >> j & 1u)) continue;
            const int missing = i / kWarp * kWarp + j;
            const State state = lane[missing].state;
            if (state == State::kEnded || state == State::kAtBarrier)
                return fail("warp operation that a lane of its mask never reaches", i, missing);
            if (waiting < 0) waiting = i, awaited = missing;
        }
    }
    if (spinning >= 0)
        return fail("dead-lock", spinning, waiting >= 0 ? waiting : at_barrier >= 0 ? at_barrier : has_ended);
    if (waiting >= 0) return fail("dead-lock", waiting, awaited);
    fail("divergent barrier", at_barrier, has_ended);
}

const char* lanes_error() { return message; }
void* lanes_dynamic_shared() { return lanes->dynamic_shared; }

Status run_block_as_lanes(int threads, std::size_t shared_bytes, void (*call)(void*), void* context) {
    static thread_local std::unique_ptr<Lanes> instance(new Lanes);
    return instance->run(threads, shared_bytes, call, context);
}

}  // namespace warpvae::cpu
