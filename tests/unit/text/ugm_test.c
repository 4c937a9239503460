/* ugm_test.c - the unigram model against hand-worked cuts, a plain search, and a charsmap written
 * by this test. */
#include "support/test.h"
#include "support/vocab_build.h"

#include "base/rng.h"

#define M "\xE2\x96\x81"

static Gb gguf;

/* ---- a charsmap: every trie node gets a block of 256 units of its own ---- */
enum { BLOCKS = 24, UNITS = BLOCKS * 256 };

typedef struct Map {
    uint32_t unit[UNITS];
    char strings[256];
    size_t strings_n;
    uint32_t blocks;
} Map;

/* The block of the node at `index`, made when first asked for. */
static uint32_t block_of(Map *m, uint32_t index) {
    uint32_t offset = m->unit[index] >> 10 & 0x1FFFFF;
    if (offset == 0) {
        offset = index ^ (++m->blocks * 256);
        if (m->blocks >= BLOCKS) abort();
        m->unit[index] |= offset << 10;
    }
    return index ^ offset;
}

static void map_add(Map *m, const char *from, const char *to) {
    uint32_t index = 0;
    for (const char *c = from; *c; c++) {
        index = block_of(m, index) ^ (uint8_t)*c;
        m->unit[index] |= (uint8_t)*c;
    }
    uint32_t value = block_of(m, index);
    m->unit[index] |= 1u << 8;
    m->unit[value] = 1u << 31 | (uint32_t)m->strings_n;
    memcpy(m->strings + m->strings_n, to, strlen(to) + 1);
    m->strings_n += strlen(to) + 1;
}

static size_t map_write(const Map *m, uint8_t *out) {
    uint32_t bytes = UNITS * 4;
    memcpy(out, &bytes, 4);
    memcpy(out + 4, m->unit, bytes);
    memcpy(out + 4 + bytes, m->strings, m->strings_n);
    return 4 + bytes + m->strings_n;
}

/* ---- a vocabulary ---- */
static const char *const tokens[] = { "<pad>", "</s>",     "<unk>", M,     "a",    "b",
                                      M "a",   "ab",       M "ab",  "ba",  "<u1>", "c",
                                      "abc",   "\xC3\xA9", "x",     "<u2>" };
static const float scores[] = { 0, 0, 0, -2, -3, -3, -3.5f, -4, -7, -4, 0, -5, -9, -6, -20, 0 };
static const int32_t types[] = { 3, 3, 2, 1, 1, 1, 1, 1, 1, 1, 4, 1, 1, 1, 5, 4 };

static void make(Vb *vb, bool space, bool merge, const uint8_t *map, size_t map_n) {
    VbSpec spec = { .model = "t5",
                    .tokens = tokens,
                    .token_n = HTH_COUNT(tokens),
                    .scores = scores,
                    .types = types,
                    .charsmap = map,
                    .charsmap_n = map_n,
                    .flags = { { "add_space_prefix", space },
                               { "remove_extra_whitespaces", merge } } };
    HthErr err;
    vb_write(&gguf, &spec);
    assert_ok(vb_open(vb, &gguf, &err), err);
}

static void best_cut_by_hand(void **state) {
    (void)state;
    Vb vb;
    make(&vb, true, false, NULL, 0);
    assert_string_equal(hth_vocab_family(vb.v), "ugm");
    assert_encodes(vb.v, "", HTH_ENCODE_BOS_EOS, "1"); /* EOS by default, no BOS */
    assert_encodes(vb.v, "a", 0, "6"); /* _a -3.5 against _ a -5 */
    assert_encodes(vb.v, "ab", 0, "3 7"); /* _ ab -6; _a b -6.5; _ab -7 */
    assert_encodes(vb.v, "aba", 0, "6 9"); /* _a ba -7.5; _ ab a -9 */
    assert_encodes(vb.v, "a a", 0, "6 6");
    assert_encodes(vb.v, "a  a", 0, "6 3 6");
    assert_encodes(vb.v, "\xC3\xA9", 0, "3 13");
    assert_encodes(vb.v, "a", HTH_ENCODE_BOS_EOS, "6 1");
    vb_close(&vb);
    make(&vb, false, false, NULL, 0);
    assert_encodes(vb.v, "ab", 0, "7");
    assert_encodes(vb.v, " ab", 0, "3 7");
    vb_close(&vb);
    make(&vb, true, true, NULL, 0);
    assert_encodes(vb.v, "  ab   ab ", 0, "3 7 3 7");
    vb_close(&vb);
}

static void unknowns(void **state) {
    (void)state;
    Vb vb;
    make(&vb, false, false, NULL, 0);
    assert_encodes(vb.v, "zzz", 0, "2"); /* neighbours become one */
    assert_encodes(vb.v, "zaz", 0, "2 4 2");
    assert_encodes(vb.v, "\xE4\xB8\xAD", 0, "2");
    assert_encodes(vb.v, "\xFF", 0, "2"); /* a bad byte: U+FFFD, unknown */
    assert_encodes(vb.v, "x", 0, "14"); /* -20, but where a token fits no unknown is tried */
    vb_close(&vb);
}

static void user_tokens_come_first(void **state) {
    (void)state;
    Vb vb;
    make(&vb, false, false, NULL, 0);
    assert_encodes(vb.v, "a<u1>b", 0, "4 10 5");
    assert_encodes(vb.v, "a</s>b", HTH_ENCODE_SPECIAL, "4 1 5");
    assert_encodes(vb.v, "<u", 0, "2"); /* the beginning of one only */
    vb_close(&vb);
}

static void charsmap(void **state) {
    (void)state;
    static Map m;
    static uint8_t bytes[4 + UNITS * 4 + 256];
    Vb vb;
    memset(&m, 0, sizeof m);
    map_add(&m, "A", "a");
    map_add(&m, "AB", "ba"); /* longer wins */
    map_add(&m, "\xEF\xBC\xA1", "a"); /* fullwidth A */
    map_add(&m, "q", ""); /* dropped */
    map_add(&m, "\t", " ");
    make(&vb, true, true, bytes, map_write(&m, bytes));
    assert_encodes(vb.v, "A", 0, "6");
    assert_encodes(vb.v, "AB", 0, "3 9");
    assert_encodes(vb.v, "AAB", 0, "6 9");
    assert_encodes(vb.v, "\xEF\xBC\xA1", 0, "6");
    assert_encodes(vb.v, "\xEF\xBC", 0, "3 2"); /* half a match is none: bad bytes */
    assert_encodes(vb.v, "qaq", 0, "6");
    assert_encodes(vb.v, "a\t\tab", 0, "6 3 7");
    vb_close(&vb);
}

/* Any bytes as a charsmap: refused, or encoding says so, or it works; never outside the table. */
static void hostile_charsmaps(void **state) {
    (void)state;
    static uint8_t bytes[400];
    uint32_t opened = 0, refused = 0;
    for (uint32_t round = 0; round < 3000; round++) {
        size_t n = 1 + hth_rng_below(3, round, 9999, sizeof bytes);
        uint32_t table = hth_rng_below(3, round, 9998, (uint32_t)n + 8);
        for (uint32_t i = 0; i < n; i++) {
            bytes[i] = (uint8_t)(hth_rng_below(3, round, i, 3) ? 0 : hth_rng_u32(4, round, i));
        }
        if (n >= 4) memcpy(bytes, &table, 4);
        VbSpec spec = { .model = "t5",
                        .tokens = tokens,
                        .token_n = HTH_COUNT(tokens),
                        .scores = scores,
                        .types = types,
                        .charsmap = bytes,
                        .charsmap_n = n };
        HthErr err;
        Vb vb;
        vb_write(&gguf, &spec);
        if (vb_open(&vb, &gguf, &err) != HTH_OK) {
            refused++;
            continue;
        }
        HthIds ids;
        hth_ids_init(&ids, 1000);
        HthStatus status = hth_vocab_encode(vb.v, HTH_STR("abc ABC \xC3\xA9"), 0, &ids, &err);
        assert_true(status == HTH_OK || status == HTH_EFORMAT);
        opened++;
        hth_ids_drop(&ids);
        vb_close(&vb);
    }
    assert_true(opened > 100 && refused > 100);
}

/* Every cut tried: no cut scores better than the one chosen. */
static double best_score(const char *text, size_t n) {
    double best[32] = { 0 };
    for (size_t end = 1; end <= n; end++) {
        best[end] = -1e300;
        for (size_t k = 3; k < HTH_COUNT(tokens); k++) {
            size_t len = strlen(tokens[k]);
            if (len > end || memcmp(text + end - len, tokens[k], len) != 0) continue;
            double s = best[end - len] + (types[k] == 4 ? 0.0 : (double)scores[k]);
            if (s > best[end]) best[end] = s;
        }
    }
    return best[n];
}

static void no_better_cut(void **state) {
    (void)state;
    Vb vb;
    make(&vb, false, false, NULL, 0);
    for (uint32_t round = 0; round < 2000; round++) {
        char text[20];
        HthIds ids;
        HthErr err;
        uint32_t n = 1 + hth_rng_below(8, round, 60, sizeof text - 1);
        for (uint32_t i = 0; i < n; i++) text[i] = "abc"[hth_rng_below(8, round, i, 3)];
        hth_ids_init(&ids, 100);
        assert_ok(hth_vocab_encode(vb.v, (HthStr){ text, n }, 0, &ids, &err), err);
        double score = 0;
        for (size_t i = 0; i < ids.n; i++) score += (double)scores[ids.p[i]];
        assert_true(score == best_score(text, n));
        hth_ids_drop(&ids);
    }
    vb_close(&vb);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best_cut_by_hand),       cmocka_unit_test(unknowns),
        cmocka_unit_test(user_tokens_come_first), cmocka_unit_test(charsmap),
        cmocka_unit_test(hostile_charsmaps),      cmocka_unit_test(no_better_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
