// Which of the compiler's sanitizers watches this build: what is a loop of thousands without one may be a few turns.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define WARPVAE_ADDRESS_SANITIZER 1
#elif defined(__SANITIZE_THREAD__)
#define WARPVAE_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WARPVAE_ADDRESS_SANITIZER 1
#elif __has_feature(thread_sanitizer)
#define WARPVAE_THREAD_SANITIZER 1
#endif
#endif
#if defined(WARPVAE_ADDRESS_SANITIZER) || defined(WARPVAE_THREAD_SANITIZER)
#define WARPVAE_SANITIZED 1
#endif
