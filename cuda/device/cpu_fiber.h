// Fibers for the lanes of a block (cpu_lanes.cpp, the only file that includes this): libc's ucontext, announced to the
// sanitizers. A normal build switches with _setjmp and _longjmp, since swapcontext asks the kernel for the signal mask
// every time; the sanitizers can follow swapcontext only.
//
// ThreadSanitizer takes each fiber for a thread. To it a switch orders nothing (the no-sync flag), but release() and
// acquire() do. So what fibers share besides is touched only in functions that are not instrumented: WARPVAE_UNWATCHED.
#pragma once
#undef _FORTIFY_SOURCE  // its longjmp refuses to go to another stack
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <new>

#include "cuda/device/cpu_device.h"

#ifdef WARPVAE_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef WARPVAE_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#define WARPVAE_UNWATCHED __attribute__((no_sanitize_thread))
#else
#define WARPVAE_UNWATCHED
#endif

namespace warpvae::cpu {

/// Everything before a release() of an address happens before everything after an acquire() of it.
#ifdef WARPVAE_THREAD_SANITIZER
inline void release(void* address) { __tsan_release(address); }
inline void acquire(void* address) { __tsan_acquire(address); }
#else
inline void release(void*) {}
inline void acquire(void*) {}
#endif

/// The place that an OS thread comes back to when the fiber that it runs leaves.
struct FiberHost {
    ucontext_t context{};
    jmp_buf jump;
    // AddressSanitizer wants to know the stack it goes back to; ThreadSanitizer the thread.
    const void* stack = nullptr;
    std::size_t stack_bytes = 0;
    void* fake_stack = nullptr;
    void* thread = nullptr;
};

class Fiber {
  public:
    Fiber() = default;
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;
    ~Fiber() {
        discard();
        if (stack_) munmap(stack_, kStackBytes + page_bytes());
    }

    bool prepared() const { return prepared_; }
    /// The first resume() will call body(), which must never return: it leaves instead, and is resumed for more work.
    void prepare(void (*body)(), int number);
    /// Gives up what the fiber is doing; nothing is unwound.
    void discard() {
#ifdef WARPVAE_THREAD_SANITIZER
        if (prepared_) __tsan_destroy_fiber(thread_);
#endif
        prepared_ = entered_ = false;
    }

    /// To this fiber, until it leaves.
    WARPVAE_UNWATCHED void resume(FiberHost& host);
    /// From this fiber, which is running, to its host, until it is resumed.
    WARPVAE_UNWATCHED void leave(FiberHost& host);
    /// The first thing in body().
    WARPVAE_UNWATCHED void enter(FiberHost& host) {
        (void)host;
#ifdef WARPVAE_ADDRESS_SANITIZER
        __sanitizer_finish_switch_fiber(nullptr, &host.stack, &host.stack_bytes);
#endif
    }

  private:
#ifdef WARPVAE_SANITIZED
    static constexpr std::size_t kStackBytes = 256 * 1024;  // red zones make frames longer
#else
    static constexpr std::size_t kStackBytes = 64 * 1024;
#endif
    static std::size_t page_bytes() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }
    char* usable_stack() const { return stack_ + page_bytes(); }

    ucontext_t context_{};
    jmp_buf jump_;
    char* stack_ = nullptr;                        // below its usable part lies one unreadable page
    [[maybe_unused]] void* fake_stack_ = nullptr;  // AddressSanitizer's
    [[maybe_unused]] void* thread_ = nullptr;      // ThreadSanitizer's
    bool prepared_ = false, entered_ = false;
};

inline void Fiber::prepare(void (*body)(), [[maybe_unused]] int number) {
    if (!stack_) {
        void* memory = mmap(nullptr, kStackBytes + page_bytes(), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc();
        stack_ = static_cast<char*>(memory);
        mprotect(stack_, page_bytes(), PROT_NONE);
    }
#ifdef WARPVAE_ADDRESS_SANITIZER
    ASAN_UNPOISON_MEMORY_REGION(usable_stack(), kStackBytes);  // the frames of what was given up
#endif
    getcontext(&context_);
    context_.uc_stack.ss_sp = usable_stack();
    context_.uc_stack.ss_size = kStackBytes;
    context_.uc_link = nullptr;
    makecontext(&context_, body, 0);
    context_.uc_stack.ss_size = 0;  // else AddressSanitizer wipes the whole stack's red zones at every switch
#ifdef WARPVAE_THREAD_SANITIZER
    char name[24];
    std::snprintf(name, sizeof name, "lane %d", number);
    thread_ = __tsan_create_fiber(0);
    __tsan_set_fiber_name(thread_, name);
#endif
    prepared_ = true;
}

inline void Fiber::resume(FiberHost& host) {
#ifdef WARPVAE_ADDRESS_SANITIZER
    __sanitizer_start_switch_fiber(&host.fake_stack, usable_stack(), kStackBytes);
#endif
#ifdef WARPVAE_THREAD_SANITIZER
    host.thread = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(thread_, __tsan_switch_to_fiber_no_sync);
#endif
#ifdef WARPVAE_SANITIZED
    swapcontext(&host.context, &context_);
#else
    if (_setjmp(host.jump) == 0) {
        if (entered_) _longjmp(jump_, 1);
        entered_ = true;
        setcontext(&context_);
    }
#endif
#ifdef WARPVAE_ADDRESS_SANITIZER
    __sanitizer_finish_switch_fiber(host.fake_stack, nullptr, nullptr);
#endif
}

inline void Fiber::leave(FiberHost& host) {
#ifdef WARPVAE_ADDRESS_SANITIZER
    __sanitizer_start_switch_fiber(&fake_stack_, host.stack, host.stack_bytes);
#endif
#ifdef WARPVAE_THREAD_SANITIZER
    __tsan_switch_to_fiber(host.thread, __tsan_switch_to_fiber_no_sync);
#endif
#ifdef WARPVAE_SANITIZED
    swapcontext(&context_, &host.context);
#else
    if (_setjmp(jump_) == 0) _longjmp(host.jump, 1);
#endif
#ifdef WARPVAE_ADDRESS_SANITIZER
    __sanitizer_finish_switch_fiber(fake_stack_, &host.stack, &host.stack_bytes);
#endif
}

}  // namespace warpvae::cpu
