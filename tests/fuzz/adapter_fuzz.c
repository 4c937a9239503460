/* adapter_fuzz.c - any bytes as a LoRA adapter: refused with a sentence, or laid over a small model
 * that then still computes.
 *
 * The first byte says over which of two models: with experts, or without.
 *
 * Thread: one. */
#include <string.h>

#include "model/adapter.h"
#include "support/tiny_adapter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const HthModel *model(uint32_t which) {
    static HthModel *models[2];
    static HthBuf files[2];
    Tiny c = tiny_adapted;
    if (which) c.arch = "qwen3moe";
    if (models[which]) return models[which];
    tiny_build(&files[which], &c);
    HthErr err;
    HTH_ASSERT(hth_model_open_mem(&models[which], files[which].p, files[which].n, "tiny", &err) ==
               HTH_OK);
    return models[which];
}

static void run(const HthModel *m, const HthAdapter *a) {
    HthErr err = { 0 };
    HthSession *s = NULL;
    const HthAdapterUse use = { a, -0.5f };
    const HthSessionCfg cfg = {
        .ctx = 6, .threads = 1, .chunk = 2, .adapters = &use, .adapter_count = 1
    };
    const uint32_t ids[] = { 1, 39, 7, 7, 0 };
    if (hth_session_open(&s, m, &cfg, &err) != HTH_OK) {
        HTH_ASSERT(err.text[0]);
        return;
    }
    HTH_ASSERT(hth_session_eval(s, ids, 5, NULL, &err) == HTH_OK);
    hth_session_close(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    HthErr err = { 0 };
    HthAdapter *a = NULL;
    if (n == 0) return 0;
    const HthModel *m = model(data[0] & 1);
    const uint64_t live = hth_mem_live();
    if (hth_adapter_open_mem(&a, m, data + 1, n - 1, "fuzz", &err) == HTH_OK) {
        HTH_ASSERT(hth_adapter_facts(a).matrices > 0 && hth_adapter_bytes(a) > 0);
        run(m, a);
        hth_adapter_close(&a);
    } else {
        HTH_ASSERT(!a && err.status != HTH_OK && err.text[0]);
    }
    HTH_ASSERT(hth_mem_live() == live);
    return 0;
}
