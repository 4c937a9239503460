/* data_test.c - token files: sequences that wrap around, damage refused, a mixture's shares. */
#include "tiny_train.h"
#include "tune/data.h"

static Tiny T;

static int setup(void **state) {
    (void)state;
    tiny_prepare(&T);
    return 0;
}
static int teardown(void **state) {
    (void)state;
    tiny_close(&T);
    return 0;
}

static void sequences(void **state) {
    (void)state;
    char path[TINY_PATH];
    const uint16_t ids[] = { 0, 10, 11, 12, 13, 14, 15 };
    HthTokens t = { 0 };
    HthBpe *b = NULL;
    HthData d;
    HthErr err;
    assert_int_equal(hth_bpe_make(&b, NULL, 0, &err), HTH_OK);
    assert_int_equal(hth_tokens_add(&t, ids, HTH_COUNT(ids), &err), HTH_OK);
    tiny_path(path, T.dir, "seq.tok");
    assert_int_equal(hth_data_write(path, b, &t, 99, &err), HTH_OK);
    assert_int_equal(hth_data_open(&d, path, &err), HTH_OK);
    assert_int_equal(d.n, 7);
    assert_int_equal(d.text_bytes, 99);
    uint32_t x[3], y[3];
    for (uint64_t i = 0; i < 7; i++) { /* three sequences of three cover seven tokens */
        hth_data_seq(&d, i, 3, x, y);
        for (uint32_t j = 0; j < 3; j++) {
            const uint64_t at = i % 3 * 3 + j;
            assert_int_equal(x[j], ids[at % 7]);
            assert_int_equal(y[j], ids[(at + 1) % 7]);
        }
    }
    hth_data_close(&d);
    hth_tokens_drop(&t);
    hth_bpe_own_close(&b);
}

static void damage(void **state) {
    (void)state;
    HthBuf good;
    char path[TINY_PATH];
    tiny_read(&T, "main.tok", &good);
    tiny_path(path, T.dir, "bad.tok");
    for (int i = 0; i < 6; i++) {
        HthBuf b;
        HthErr err;
        HthData d = { 0 };
        size_t n = good.n;
        hth_buf_init(&b, 1 << 26);
        assert_int_equal(hth_buf_add(&b, good.p, good.n, &err), HTH_OK);
        if (i == 0) b.p[0] ^= 1; /* magic */
        if (i == 1) n -= 1; /* half a token */
        if (i == 2) n -= 2; /* a token short */
        if (i == 3) n = 40; /* half a header */
        if (i == 4) b.p[64 + 11] = 0x7f; /* a token past the vocabulary */
        if (i == 5) memset(b.p + 32, 0xff, 8); /* a count of 2^64 - 1 */
        tiny_write(path, b.p, n);
        assert_int_equal(hth_data_open(&d, path, &err), HTH_EFORMAT);
        assert_null(d.tokens);
        hth_buf_drop(&b);
    }
    hth_buf_drop(&good);
}

/* Documents are those between two <|endoftext|>; chats begin with <|im_start|>. */
static void mixture(void **state) {
    (void)state;
    for (int phase = 0; phase < 2; phase++) {
        char path[TINY_PATH];
        HthData d;
        HthErr err;
        uint32_t chats = 0, texts = 0;
        tiny_path(path, T.work, phase ? "chat.tok" : "main.tok");
        assert_int_equal(hth_data_open(&d, path, &err), HTH_OK);
        for (uint64_t i = 0; i + 1 < d.n; i++) {
            if (d.tokens[i] != HTH_BPE_EOT) continue;
            if (d.tokens[i + 1] == HTH_BPE_START)
                chats++;
            else
                texts++;
        }
        assert_int_equal(d.tokens[0], HTH_BPE_EOT);
        if (phase == 0) {
            assert_true(chats > 70 && chats < 130); /* half of 200 */
            assert_int_equal(texts, 300);
        } else {
            assert_true(chats > 460 && chats < 540); /* 2.5 times 200 */
            assert_int_equal(texts, 0);
        }
        hth_data_close(&d);
    }
}

static void the_same_again(void **state) {
    (void)state;
    HthBuf a, b;
    HthErr err;
    tiny_read(&T, "main.tok", &a);
    assert_int_equal(hth_train_prepare(&T.cfg, &err), HTH_OK);
    tiny_read(&T, "main.tok", &b);
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.p, b.p, a.n);
    hth_buf_drop(&a);
    hth_buf_drop(&b);
}

static void no_files(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthTrainCfg cfg = T.cfg;
    cfg.corpus = T.work;
    assert_int_equal(hth_train_tokenizer(&cfg, &err), HTH_EIO);
    cfg.corpus = NULL;
    assert_int_equal(hth_train_prepare(&cfg, &err), HTH_EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(sequences), cmocka_unit_test(damage),
                                        cmocka_unit_test(mixture), cmocka_unit_test(the_same_again),
                                        cmocka_unit_test(no_files) };
    return cmocka_run_group_tests(tests, setup, teardown);
}
