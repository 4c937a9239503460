/* tier.c - the tiers this build has, which of them this machine runs, and the one in use.
 *
 * Thread: any; hth_kern_force is for start-up and tests. */
#include "kern/kern.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kern/fmt/fmt.h"
#include "kern/fn/fn.h"

#define LINEAR_c(sym)          hth_linear_##sym##_c,
#define LINEAR_neon(sym)       hth_linear_##sym##_neon,
#define LINEAR_neondot(sym)    hth_linear_##sym##_neondot,
#define LINEAR_neoni8mm(sym)   hth_linear_##sym##_neoni8mm,
#define LINEAR_avx2(sym)       hth_linear_##sym##_avx2,
#define LINEAR_avx512(sym)     hth_linear_##sym##_avx512,
#define LINEAR_avx512vnni(sym) hth_linear_##sym##_avx512vnni,
#define LINEAR_amx(sym)        hth_linear_##sym##_amx,

#define PANELS_c(sym)          hth_panels_##sym##_c,
#define PANELS_neon(sym)       hth_panels_##sym##_neon,
#define PANELS_neondot(sym)    hth_panels_##sym##_neondot,
#define PANELS_neoni8mm(sym)   hth_panels_##sym##_neoni8mm,
#define PANELS_avx2(sym)       hth_panels_##sym##_avx2,
#define PANELS_avx512(sym)     hth_panels_##sym##_avx512,
#define PANELS_avx512vnni(sym) hth_panels_##sym##_avx512vnni,
#define PANELS_amx(sym)        hth_panels_##sym##_amx,
#define PANELS_none(sym)       NULL,

/* Not in HTH_FMT_TILES. */
#define hth_linear_q2_k_amx hth_linear_q2_k_avx512vnni
#define hth_linear_q3_k_amx hth_linear_q3_k_avx512vnni
#define hth_linear_q6_k_amx hth_linear_q6_k_avx512vnni
#define hth_panels_q2_k_amx hth_panels_q2_k_avx512vnni
#define hth_panels_q3_k_amx hth_panels_q3_k_avx512vnni
#define hth_panels_q6_k_amx hth_panels_q6_k_avx512vnni
/* HTH_FMT_INT8 */
#define hth_linear_nvfp4_amx   hth_linear_nvfp4_avx512vnni
#define hth_linear_iq1_s_amx   hth_linear_iq1_s_avx512vnni
#define hth_linear_iq1_m_amx   hth_linear_iq1_m_avx512vnni
#define hth_linear_iq2_xxs_amx hth_linear_iq2_xxs_avx512vnni
#define hth_linear_iq2_xs_amx  hth_linear_iq2_xs_avx512vnni
#define hth_linear_iq2_s_amx   hth_linear_iq2_s_avx512vnni
#define hth_linear_iq3_xxs_amx hth_linear_iq3_xxs_avx512vnni
#define hth_linear_iq3_s_amx   hth_linear_iq3_s_avx512vnni
#define hth_linear_q1_0_amx    hth_linear_q1_0_avx512vnni
#define hth_linear_q2_0_amx    hth_linear_q2_0_avx512vnni

/* lin: tier of the products with block formats; fn: tier of everything else. */
#define TIER(label, lin, fn)                                                                       \
    {                                                                                              \
        .name = label,                                                                             \
        .linear = { HTH_FMT_FLOATS(LINEAR_##fn) HTH_FMT_BLOCKS(LINEAR_##lin)                       \
                        HTH_FMT_INT8(LINEAR_##lin) },                                              \
        .linear_panels = { HTH_FMT_FLOATS(PANELS_none) HTH_FMT_BLOCKS(PANELS_##lin) },             \
        .act_q8 = hth_act_q8_##fn, .rmsnorm = hth_rmsnorm_##fn, .rope = hth_rope_##fn,             \
        .swiglu = hth_swiglu_##fn, .add = hth_add_##fn, .kv_store = hth_kv_store_##fn,             \
        .attend_page = hth_attend_page_##fn, .attend_merge = hth_attend_merge_##fn                 \
    }

static const HthKern tiers[] = {
    TIER("c", c, c),
#ifdef HTH_KERN_ARM
    TIER("neon", neon, neon),
    TIER("neondot", neondot, neon),
    TIER("neoni8mm", neoni8mm, neon),
#endif
#ifdef HTH_KERN_X86
    TIER("avx2", avx2, avx2),
    TIER("avx512", avx512, avx512),
    TIER("avx512vnni", avx512vnni, avx512),
    TIER("amx", amx, avx512),
#endif
};

#ifdef HTH_KERN_X86

#include <cpuid.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* The compiler's probe does not know this one everywhere. */
static bool has_f16c(void) {
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}

/* Tiles, with int8 and bfloat16 products; the system must save them, and gives each process leave
 * on request only: once is enough, for all its threads. */
static bool has_amx(void) {
#ifdef __linux__
    enum { BF16 = 1 << 22, TILE = 1 << 24, INT8 = 1 << 25, WANT = BF16 | TILE | INT8 };
    enum { XSAVED = 3 << 17, REQUEST = 0x1023, TILE_DATA = 18 };
    unsigned a, b, c, d;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & WANT) != WANT) return false;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    if ((a & XSAVED) != XSAVED) return false;
    return syscall(SYS_arch_prctl, REQUEST, TILE_DATA) == 0;
#else
    return false;
#endif
}

/* The compiler's probe asks CPUID, and XGETBV for what the operating system saves. */
static bool probe(size_t index) {
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    switch (index) {
    case 0: return true;
    case 1: return avx2;
    case 2: return avx512;
    case 3: return avx512 && __builtin_cpu_supports("avx512vnni");
    default: return avx512 && __builtin_cpu_supports("avx512vnni") && has_amx();
    }
}

#elif defined(HTH_KERN_ARM)

#include <asm/hwcap.h>
#include <sys/auxv.h>

/* The kernel says what the processor has; vectors are in every 64-bit one. */
static bool probe(size_t index) {
    bool dot = (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
    return index < 2 || (dot && (index < 3 || (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0));
}

#else

static bool probe(size_t index) {
    return index == 0;
}

#endif

static _Atomic(const HthKern *) forced, chosen;

const HthKern *hth_kern_at(size_t index) {
    return index < HTH_COUNT(tiers) ? &tiers[index] : NULL;
}

bool hth_kern_runs_here(const HthKern *kern) {
    return probe((size_t)(kern - tiers));
}

static const HthKern *by_name(const char *name) {
    for (size_t i = 0; i < HTH_COUNT(tiers); i++)
        if (strcmp(tiers[i].name, name) == 0) return &tiers[i];
    return NULL;
}

/* The best tier that runs here, no better than the one HEARTH_ISA names. */
static const HthKern *choose(void) {
    const char *name = getenv("HEARTH_ISA");
    size_t top = HTH_COUNT(tiers) - 1;
    if (name != NULL && name[0] != '\0') {
        const HthKern *asked = by_name(name);
        if (asked == NULL)
            hth_log(HTH_LOG_WARN, "HEARTH_ISA names no tier of this build; it is ignored");
        else
            top = (size_t)(asked - tiers);
    }
    while (!probe(top)) top--;
    if (name != NULL && by_name(name) != NULL && strcmp(tiers[top].name, name) != 0)
        hth_log(HTH_LOG_WARN, "this machine cannot run HEARTH_ISA=%s; using %s", name,
                tiers[top].name);
    return &tiers[top];
}

const HthKern *hth_kern_pick(void) {
    const HthKern *kern = atomic_load(&forced);
    if (kern != NULL) return kern;
    kern = atomic_load(&chosen);
    if (kern == NULL) {
        kern = choose(); /* two threads may both get here: they choose the same */
        atomic_store(&chosen, kern);
    }
    return kern;
}

HthStatus hth_kern_force(const char *name, HthErr *err) {
    const HthKern *kern = NULL;
    if (name != NULL) {
        kern = by_name(name);
        HTH_REQUIRE(kern != NULL, err, HTH_EINVAL,
                    "no kernel tier has that name; 'hearth version' lists those of this build");
        HTH_REQUIRE(hth_kern_runs_here(kern), err, HTH_ENOTSUP,
                    "this machine cannot run the %s kernels", kern->name);
    }
    atomic_store(&forced, kern);
    return HTH_OK;
}
