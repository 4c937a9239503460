/* spoiled_test.c - files of every architecture with bytes changed, cut off, or sizes made absurd:
 * each is refused with a sentence, or runs without reading what is not its own.
 *
 * Run under sanitizers to see the latter.
 *
 * Thread: one. */
#include "support/test.h"

#include "hearth/hearth.h"
#include "model/explain.h"
#include "run/session.h"
#include "support/tiny.h"

enum { COPIES = 60, TOKENS = 5 };

static uint32_t refused, ran;

static void run(const HthModel *m) {
    HthErr err = { 0 };
    HthSession *s = NULL;
    const HthSessionCfg cfg = { .ctx = TOKENS + 1, .threads = 1, .chunk = 2 };
    const uint32_t count = hth_model_vocab_count(m);
    uint32_t ids[TOKENS];
    for (uint32_t i = 0; i < TOKENS; i++) ids[i] = i * 7919 % count;
    if (hth_session_open(&s, m, &cfg, &err) != HTH_OK) {
        assert_true(err.text[0] != 0);
        return;
    }
    assert_ok(hth_session_eval(s, ids, TOKENS, NULL, &err), err);
    hth_session_close(&s);
}

/* What has no next words has vectors or scores. */
static void embed(const HthModel *m) {
    HthErr err = { 0 };
    HthSession *s = NULL;
    const HthSessionCfg cfg = { .ctx = TOKENS, .threads = 1 };
    const HthProgram *p = hth_model_program(m);
    const uint32_t out = hth_program_out(p), count = hth_model_vocab_count(m);
    uint32_t ids[TOKENS];
    for (uint32_t i = 0; i < TOKENS; i++) ids[i] = i * 7919 % count;
    if (hth_session_open(&s, m, &cfg, &err) != HTH_OK) {
        assert_true(err.text[0] != 0);
        return;
    }
    float *v = hth_calloc(p->n_embd > out ? p->n_embd : out, sizeof *v);
    assert_non_null(v);
    assert_ok(hth_session_vector(s, ids, TOKENS, v, &err), err);
    hth_free(v);
    hth_session_close(&s);
}

static void open_one(const uint8_t *file, size_t n, const char *what) {
    HthErr err = { 0 };
    HthModel *m = NULL;
    HthBuf text;
    const uint64_t live = hth_mem_live();
    if (hth_model_open_mem(&m, file, n, what, &err) != HTH_OK) {
        assert_null(m);
        if (err.status == HTH_OK || !err.text[0]) fail_msg("%s: refused without a word", what);
        refused++;
    } else {
        hth_buf_init(&text, (size_t)1 << 24);
        assert_ok(hth_model_explain(m, &text, &err), err);
        hth_buf_drop(&text);
        if (hth_model_speaks(m, NULL) == HTH_OK)
            run(m);
        else
            embed(m);
        hth_model_close(&m);
        ran++;
    }
    assert_int_equal(hth_mem_live(), live);
}

/* Bits flip anywhere before the weights, where sizes, names and places are; or the end is missing;
 * or four bytes in a row become a number no size should be. */
static void spoil(HthBuf *copy, size_t head, uint64_t seed, uint64_t stream) {
    static const uint32_t absurd[] = { 0, 1, 3, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fc00000 };
    uint32_t how = hth_rng_below(seed, stream, 0, 3);
    uint32_t at = hth_rng_below(seed, stream, 1, (uint32_t)head - 4);
    uint8_t *bytes = (uint8_t *)copy->p;
    if (how == 0)
        for (uint32_t i = 0; i < 1 + stream % 3; i++)
            bytes[hth_rng_below(seed, stream, 2 + i, (uint32_t)head)] ^= (uint8_t)(1u << i * 3 % 8);
    else if (how == 1)
        memcpy(bytes + at, &absurd[stream % HTH_COUNT(absurd)], 4);
    else
        copy->n = hth_rng_below(seed, stream, 9, (uint32_t)copy->n);
}

static void every_architecture(void **state) {
    (void)state;
    for (size_t a = 0; hth_arch_at(a); a++) {
        Tiny c = { .arch = hth_arch_at(a)->name, .layers = 2, .embd = 32, .heads = 4 };
        HthBuf file, copy;
        HthErr err = { 0 };
        c.kv_heads = 2;
        c.ff = 32;
        c.vocab = 40;
        c.ctx = 64;
        c.seed = a;
        c.window = 3;
        c.every_key = true;
        c.fused = strcmp(c.arch, "phi3") == 0;
        if (hth_arch_at(a)->rank) c.pooling = 4;
        tiny_build(&file, &c);
        const size_t head = file.n / 4; /* metadata and the list of tensors, and some weights */
        refused = ran = 0;
        open_one((const uint8_t *)file.p, file.n, c.arch);
        assert_int_equal(ran, 1);
        for (uint64_t i = 0; i < COPIES; i++) {
            hth_buf_init(&copy, TINY_MAX);
            assert_ok(hth_buf_add(&copy, file.p, file.n, &err), err);
            spoil(&copy, head, 77 + a, i);
            open_one((const uint8_t *)copy.p, copy.n, c.arch);
            hth_buf_drop(&copy);
        }
        assert_true(refused > COPIES / 5 && ran > 1);
        print_message("%-10s %u refused, %u ran\n", c.arch, refused, ran);
        hth_buf_drop(&file);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_architecture) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
