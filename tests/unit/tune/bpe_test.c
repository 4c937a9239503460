/* bpe_test.c - learning merges, saving and loading them, agreeing with the engine's tokenizer. */
#include "support/test.h"

#include "base/mem.h"
#include "base/rng.h"
#include "support/folder.h"
#include "text/vocab.h"
#include "tune/bpe.h"

static const char TEXT[] =
    "The cat sat on the mat. The other cats sat there too, didn't they? It's the 12345th time!\n"
    "<|im_start|>user\nWhat is the weather?<|im_end|>\n\n  indented   text, caf\xc3\xa9 "
    "na\xc3\xafve "
    "\xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x94\xa5 the the the cat cat cat\r\nthen THE END.\t\ttabs";

static HthBpe *train(uint32_t n_vocab, HthStatus want) {
    HthBpeCount *c = NULL;
    HthBpe *b = NULL;
    HthErr err;
    assert_int_equal(hth_bpe_count_open(&c, &err), HTH_OK);
    for (int i = 0; i < 3; i++) assert_int_equal(hth_bpe_count_add(c, HTH_STR(TEXT), &err), HTH_OK);
    assert_int_equal(hth_bpe_train(&b, c, n_vocab, &err), want);
    hth_bpe_count_close(&c);
    return b;
}

static void first_merges(void **state) {
    (void)state;
    HthBpe *b = train(320, HTH_OK);
    /* " t" and "he" are the most frequent pairs of the text in some order; both are made of bytes,
     * and special tokens were not counted: "<|" never merges. */
    const uint16_t *first = hth_bpe_pair(b, 0);
    assert_true(first[0] < HTH_BPE_MERGES && first[1] < HTH_BPE_MERGES);
    for (uint32_t i = 0; i + HTH_BPE_MERGES < 320; i++)
        assert_false(hth_bpe_pair(b, i)[0] == HTH_BPE_BYTES + '<' &&
                     hth_bpe_pair(b, i)[1] == HTH_BPE_BYTES + '|');
    assert_int_equal(hth_bpe_vocab(b), 320);
    HthBpe *again = train(320, HTH_OK);
    assert_true(hth_bpe_digest(b) == hth_bpe_digest(again));
    hth_bpe_own_close(&b);
    hth_bpe_own_close(&again);
}

static void limits(void **state) {
    (void)state;
    HthErr err;
    HthBpe *b = NULL;
    assert_null(train(8192, HTH_ELIMIT)); /* not that many pairs in the text */
    assert_null(train(100, HTH_EINVAL));
    const uint16_t future[1][2] = { { HTH_BPE_MERGES + 5, 'a' } };
    assert_int_equal(hth_bpe_make(&b, future, 1, &err), HTH_EFORMAT);
    assert_null(b);
}

/* Ids of text by both tokenizers; text_len random bytes or pieces of TEXT. */
static void compare(HthBpe *b, const HthVocab *v, HthStr text) {
    HthTokens mine = { 0 };
    HthIds theirs;
    HthErr err;
    hth_ids_init(&theirs, 1 << 20);
    assert_int_equal(hth_bpe_own_encode(b, text, &mine, &err), HTH_OK);
    assert_int_equal(hth_vocab_encode(v, text, HTH_ENCODE_SPECIAL, &theirs, &err), HTH_OK);
    assert_int_equal(mine.n, theirs.n);
    for (size_t i = 0; i < mine.n; i++) assert_int_equal(mine.p[i], theirs.p[i]);
    hth_tokens_drop(&mine);
    hth_ids_drop(&theirs);
}

static void agrees_with_the_engine(void **state) {
    (void)state;
    const char *path = test_path("merges.gguf");
    HthErr err;
    HthBpe *b = train(330, HTH_OK), *loaded = NULL;
    HthGgufOut *o = NULL;
    HthGguf *g = NULL;
    HthVocab *v = NULL;
    assert_int_equal(hth_gguf_out_open(&o, path, &err), HTH_OK);
    assert_int_equal(hth_gguf_out_str(o, "general.architecture", HTH_STR("llama"), &err), HTH_OK);
    assert_int_equal(hth_bpe_write(b, o, &err), HTH_OK);
    assert_int_equal(hth_gguf_out_commit(&o, &err), HTH_OK);
    assert_int_equal(hth_gguf_open(&g, path, &err), HTH_OK);
    assert_int_equal(hth_bpe_own_open(&loaded, g, &err), HTH_OK);
    assert_true(hth_bpe_digest(b) == hth_bpe_digest(loaded));
    assert_int_equal(hth_vocab_open(&v, g, &err), HTH_OK);
    assert_int_equal(hth_vocab_bos(v), HTH_BPE_EOT);
    assert_true(hth_vocab_is_end(v, HTH_BPE_END));
    compare(loaded, v, HTH_STR(TEXT));
    for (uint32_t i = 0; i < 3000; i++) {
        const size_t at = hth_rng_below(1, 1, i, sizeof TEXT - 1);
        HthStr piece = hth_str_sub(HTH_STR(TEXT), at, hth_rng_below(1, 2, i, 60));
        while (piece.n && ((uint8_t)piece.p[0] & 0xc0) == 0x80) piece = hth_str_sub(piece, 1, 99);
        piece.n = hth_utf8_whole(piece); /* training text is UTF-8 */
        compare(loaded, v, piece);
    }
    hth_vocab_close(&v);
    hth_gguf_close(&g);
    hth_bpe_own_close(&b);
    hth_bpe_own_close(&loaded);
}

static void every_byte_in_one_word(void **state) {
    (void)state;
    HthSplit *s = NULL;
    HthErr err;
    assert_int_equal(hth_split_open(&s, &err), HTH_OK);
    for (uint32_t i = 0; i < 500; i++) {
        char bytes[64];
        for (uint32_t j = 0; j < 64; j++) bytes[j] = (char)hth_rng_u32(2, i, j); /* not UTF-8 */
        HthStr text = { bytes, hth_rng_below(2, 1000, i, 65) }, word;
        size_t at = 0, sum = 0;
        while (hth_split_next(s, text, &at, &word)) {
            assert_ptr_equal(word.p, bytes + sum);
            assert_true(word.n > 0);
            sum += word.n;
        }
        assert_int_equal(sum, text.n);
    }
    hth_split_close(&s);
}

static void no_memory(void **state) {
    (void)state;
    const uint64_t live = hth_mem_live();
    for (uint64_t nth = 1;; nth++) {
        HthBpeCount *c = NULL;
        HthBpe *b = NULL;
        HthErr err;
        HthTokens t = { 0 };
        hth_mem_fail_after(nth);
        HthStatus status = hth_bpe_count_open(&c, &err);
        for (int i = 0; status == HTH_OK && i < 3; i++)
            status = hth_bpe_count_add(c, HTH_STR(TEXT), &err);
        if (status == HTH_OK) status = hth_bpe_train(&b, c, 300, &err);
        if (status == HTH_OK) status = hth_bpe_own_encode(b, HTH_STR(TEXT), &t, &err);
        hth_mem_fail_after(0);
        hth_tokens_drop(&t);
        hth_bpe_own_close(&b);
        hth_bpe_count_close(&c);
        assert_true(hth_mem_live() == live);
        if (status == HTH_OK) break;
        assert_int_equal(status, HTH_ENOMEM);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_merges),
        cmocka_unit_test(limits),
        cmocka_unit_test_setup_teardown(agrees_with_the_engine, test_folder_make, test_folder_drop),
        cmocka_unit_test(every_byte_in_one_word),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
