/* cpu.h: which vector instructions the compiler can write and the machine can run.
 *
 * A function marked PIRN__TARGET("avx2") is compiled for AVX2 whatever the flags of its file are;
 * it may be called only where PIRN__CPU_HAS("avx2"). That question is one load and one test: libgcc
 * has asked the processor before main, so nothing is kept here.
 *
 * Helpers that take or return vectors are PIRN__INLINE: gcc 12 forgets vzeroupper behind a call
 * with 256-bit arguments, and then all SSE code that follows runs many times slower. */
#ifndef PIRN_CORE_CPU_H
#define PIRN_CORE_CPU_H

#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#define PIRN__X86           1
#define PIRN__TARGET(name)  __attribute__((target(name)))
#define PIRN__INLINE(name)  static inline __attribute__((target(name), always_inline))
#define PIRN__CPU_HAS(name) (__builtin_cpu_supports(name) != 0)
/* With VBMI, as of Ice Lake and Zen 4: processors before them ran slower as a whole while they used
 * registers of 512 bits. */
#define PIRN__AVX512         "avx512f,avx512bw,avx512vbmi"
#define PIRN__CPU_HAS_AVX512 PIRN__CPU_HAS("avx512vbmi")
#ifdef __SSE2__ /* as always for x86-64 */
#define PIRN__CPU_HAS_SSE2 true
#else
#define PIRN__CPU_HAS_SSE2 PIRN__CPU_HAS("sse2")
#endif
#else
#define PIRN__X86 0
#endif

/* For what is seldom called from where each instruction counts. */
#ifdef __GNUC__
#define PIRN__NOINLINE __attribute__((noinline))
#else
#define PIRN__NOINLINE
#endif

#endif
