/* model_fuzz.c - any bytes as a model: refused with a sentence, or opened and run for a few tokens.
 *
 * Thread: one. */
#include <string.h>

#include "hearth/hearth.h"
#include "base/mem.h"
#include "model/explain.h"
#include "run/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What has no next words has vectors or scores. */
static void embed(const HthModel *m) {
    HthErr err = { 0 };
    HthSession *s = NULL;
    const HthSessionCfg cfg = { .ctx = 6, .threads = 1 };
    const HthProgram *p = hth_model_program(m);
    const uint32_t out = hth_program_out(p), count = hth_model_vocab_count(m);
    const uint32_t ids[3] = { 0, count / 2, count - 1 };
    HTH_ASSERT(hth_session_open(&s, m, &cfg, &err) != HTH_OK ||
               hth_session_eval(s, ids, 3, NULL, &err) == HTH_ENOTSUP);
    float *v = s ? hth_calloc(p->n_embd > out ? p->n_embd : out, sizeof *v) : NULL;
    if (v) HTH_ASSERT(hth_session_vector(s, ids, 3, v, &err) == HTH_OK);
    hth_free(v);
    hth_session_close(&s);
}

static void run(const HthModel *m) {
    HthErr err = { 0 };
    HthSession *s = NULL;
    HthSessionCfg cfg = { .ctx = 6, .threads = 1, .chunk = 2 };
    uint32_t count = hth_model_vocab_count(m), ids[5];
    for (uint32_t i = 0; i < 5; i++) ids[i] = (i * 7919) % count;
    if (hth_session_open(&s, m, &cfg, &err) != HTH_OK) {
        HTH_ASSERT(err.status != HTH_OK && err.text[0]);
        return;
    }
    HTH_ASSERT(hth_session_eval(s, ids, 5, NULL, &err) == HTH_OK);
    hth_session_rewind(s, 1);
    HTH_ASSERT(hth_session_sync(s, ids, 3, NULL, &err) == HTH_OK);
    HTH_ASSERT(hth_session_count(s) == 3);
    hth_session_close(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    HthErr err = { 0 };
    HthModel *m = NULL;
    if (hth_model_open_mem(&m, data, n, "fuzz", &err) != HTH_OK) {
        HTH_ASSERT(!m && err.status != HTH_OK && err.text[0]);
        return 0;
    }
    HthBuf text;
    hth_buf_init(&text, (size_t)1 << 24);
    HthStatus st = hth_model_explain(m, &text, &err);
    HTH_ASSERT(st == HTH_OK || st == HTH_ELIMIT);
    hth_buf_drop(&text);
    if (hth_model_speaks(m, NULL) == HTH_OK)
        run(m);
    else
        embed(m);
    hth_model_close(&m);
    return 0;
}
