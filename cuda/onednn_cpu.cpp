#include "cuda/onednn_cpu.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <new>
#include <string>

#include "cuda/device/device.h"
#include "cuda/ops/convolution.h"

extern "C" void omp_set_num_threads(int);  // Debian builds oneDNN with OpenMP

namespace warpvae {
namespace {

#ifdef __x86_64__
constexpr const char* kLeast = "SSE";
bool processor_has_avx2() {
    __builtin_cpu_init();  // for callers that run before other constructors
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
bool processor_has_avx512() {
    return processor_has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#else
constexpr const char* kLeast = "the instructions of every such processor";
bool processor_has_avx2() { return false; }
bool processor_has_avx512() { return false; }
#endif
#ifdef __AVX2__
constexpr bool kBuiltForAvx2 = true;
#else
constexpr bool kBuiltForAvx2 = false;
#endif
#ifdef __AVX512F__
constexpr bool kBuiltForAvx512 = true;
#else
constexpr bool kBuiltForAvx512 = false;
#endif

/// A program built for a newer processor would end here with "Illegal instruction", before its first line of output.
__attribute__((constructor(101))) void refuse_older_processor() {
    if ((kBuiltForAvx512 && !processor_has_avx512()) || (kBuiltForAvx2 && !processor_has_avx2())) {
        static const char line[] =
            "this program was built for a newer processor than this one: build it here, or with -DWARPVAE_NATIVE=OFF\n";
        [[maybe_unused]] const ssize_t written = ::write(2, line, sizeof line - 1);
        ::_exit(1);
    }
}

/// Vector instructions, the least first: each step about doubles the speed of products.
struct Instructions {
    const char* name;
    bool processor;          ///< has them
    dnnl_cpu_isa_t library;  ///< what oneDNN calls them
    bool build;              ///< this file was compiled for them
};
const std::array<Instructions, 3>& instructions() {
    static const std::array<Instructions, 3> list{
        {{kLeast, true, dnnl_cpu_isa_all, true},
         {"AVX2", processor_has_avx2(), dnnl_cpu_isa_avx2, kBuiltForAvx2},
         {"AVX-512", processor_has_avx512(), dnnl_cpu_isa_avx512_core, kBuiltForAvx512}}};
    return list;
}

/// oneDNN's names are sets of bits: each processor's holds those of its forerunners.
bool library_uses(const Instructions& i) {
    return i.library == dnnl_cpu_isa_all || (dnnl_get_effective_cpu_isa() & i.library) == i.library;
}

template <class Has>
std::string newest(Has has) {
    std::string name;
    for (const Instructions& i : instructions())
        if (has(i)) name = i.name;
    return name;
}

}  // namespace

namespace {

/// oneDNN crashes where its code or its scratch cannot be allocated. So where the address space has a limit (ulimit
/// -v), a call begins only if there is room for both.
void require_room() {
    static const bool has_limit = [] {
        rlimit space{};
        return getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY;
    }();
    if (!has_limit) return;
    constexpr std::size_t kRoom = std::size_t{32} << 20;
    void* const room = mmap(nullptr, kRoom, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) throw std::bad_alloc();
    munmap(room, kRoom);
}

}  // namespace

cpu::OneDnnCall::OneDnnCall() {
    require_room();
    static thread_local const bool once = (omp_set_num_threads(1), true);
    (void)once;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
}
cpu::OneDnnCall::~OneDnnCall() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

std::string convolution_library() {
    const dnnl_version_t* v = dnnl_version();
    return "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch) +
           " with " + newest(library_uses);
}

std::string slow_instructions_warning() {
    const std::string there = newest([](const Instructions& i) { return i.processor; });
    const std::string library = newest(library_uses), build = newest([](const Instructions&i) { return i.build; });
    if (library != there)
        return "oneDNN multiplies with " + library + " where this processor has " + there +
               ", several times slower than need be: unset DNNL_MAX_CPU_ISA and ONEDNN_MAX_CPU_ISA";
    if (build != there)
        return "this build's kernels use " + build + " where this processor has " + there +
               ", up to several times slower than need be: configure with -DWARPVAE_NATIVE=ON on this machine";
    return {};
}

}  // namespace warpvae
