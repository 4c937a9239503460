/* emulated.c - tier amx with its tiles in plain C, so that its path is checked on machines without
 * them: products only, the rest is tier avx2's.  Never picked; linked into hearth-check alone.
 *
 * Thread: main. */
#include "check/check.h"

#include "kern/fmt/fmt.h"

#if defined(__x86_64__)

static HthKern emulated;

const HthKern *emulated_amx(void) {
    const HthKern *avx2 = hth_kern_at(1);
    if (!hth_kern_runs_here(avx2)) return NULL;
    emulated = *avx2;
    emulated.name = "amx-emulated";
#define EMULATED(sym)                                                                              \
    emulated.linear[hth_fmt_index(&hth_fmt_##sym)] = hth_linear_##sym##_amx_emulated;              \
    emulated.linear_panels[hth_fmt_index(&hth_fmt_##sym)] = hth_panels_##sym##_amx_emulated;
    HTH_FMT_TILES(EMULATED)
    return &emulated;
}

#else

const HthKern *emulated_amx(void) {
    return NULL;
}

#endif
