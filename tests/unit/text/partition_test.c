/* partition_test.c - special tokens in text: which, in what order, with which blanks. */
#include "support/test.h"
#include "support/vocab_build.h"

#include "base/rng.h"
#include "text/vocab_int.h"

static Gb gguf;
static const char *const tokens[] = { "<unk>",  "<s>",  "</s>", "a",      "<x>",
                                      "<x><x>", "s><x", "  ",   "<|ctl|>" };
static const int32_t types[] = { 2, 3, 3, 1, 4, 4, 3, 4, 3 };

static void make(Vb *vb, const char *name) {
    VbSpec spec = { .model = "llama",
                    .name = name,
                    .tokens = tokens,
                    .token_n = HTH_COUNT(tokens),
                    .types = types };
    HthErr err;
    vb_write(&gguf, &spec);
    assert_ok(vb_open(vb, &gguf, &err), err);
}

/* "[a]4[b]": plain stretches in brackets, tokens by id. */
static const char *marked_parts(const HthVocab *v, HthStr text, bool all, const char *marks,
                                char *room) {
    HthFragments f = { 0 };
    HthErr err;
    size_t n = 0;
    assert_ok(hth_partition(v, text, all, marks, &f, &err), err);
    for (uint32_t i = f.n ? 0 : UINT32_MAX; i != UINT32_MAX; i = f.p[i].next) {
        HthStr s = hth_str_sub(text, f.p[i].at, f.p[i].n);
        bool plain = f.p[i].token == HTH_TOKEN_NONE;
        n += (size_t)(plain ? snprintf(room + n, 200 - n, "[%.*s]", HTH_STR_ARG(s))
                            : snprintf(room + n, 200 - n, "%u", f.p[i].token));
    }
    room[n] = 0;
    hth_free(f.p);
    return room;
}

static const char *parts(const HthVocab *v, HthStr text, bool all, char *room) {
    return marked_parts(v, text, all, NULL, room);
}

static void which_tokens(void **state) {
    (void)state;
    Vb vb;
    char room[256];
    make(&vb, NULL);
    assert_string_equal(parts(vb.v, HTH_STR(""), true, room), "");
    assert_string_equal(parts(vb.v, HTH_STR("a"), true, room), "[a]"); /* normal tokens stay */
    assert_string_equal(parts(vb.v, HTH_STR("<s>a</s>"), true, room), "1[a]2");
    assert_string_equal(parts(vb.v, HTH_STR("<s>a</s>"), false, room), "[<s>a</s>]");
    assert_string_equal(parts(vb.v, HTH_STR("<unk>"), true, room), "0");
    assert_string_equal(parts(vb.v, HTH_STR("<unk><x>b"), false, room), "[<unk>]4[b]");
    assert_string_equal(parts(vb.v, HTH_STR("a  b"), false, room), "[a]7[b]");
    vb_close(&vb);
}

static void longest_wins_over_the_whole_text(void **state) {
    (void)state;
    Vb vb;
    char room[256];
    make(&vb, NULL);
    assert_string_equal(parts(vb.v, HTH_STR("<x><x><x>"), true, room), "54");
    /* "s><x" begins later than "<s>" but is longer */
    assert_string_equal(parts(vb.v, HTH_STR("<s><x>"), true, room), "[<]6[>]");
    assert_string_equal(parts(vb.v, HTH_STR("<s><x>"), false, room), "[<s>]4");
    vb_close(&vb);
}

static void blanks_around(void **state) {
    (void)state;
    Vb vb;
    char room[256];
    make(&vb, "My Phi-3 mini");
    assert_string_equal(parts(vb.v, HTH_STR("a <|ctl|> \n\tb"), true, room), "[a ]8[b]");
    assert_string_equal(parts(vb.v, HTH_STR("<|ctl|>  "), true, room), "8");
    assert_string_equal(parts(vb.v, HTH_STR("<s> b"), true, room), "1[ b]"); /* an exception */
    assert_string_equal(parts(vb.v, HTH_STR("</s> b"), true, room), "2[b]");
    vb_close(&vb);
}

static void blanks_before(void **state) {
    (void)state;
    static const char *const masked[] = { "<unk>", "<s>", "<mask>" };
    static const int32_t kinds[] = { 2, 3, 4 };
    static const char *const merges[] = { NULL };
    VbSpec spec = { .model = "gpt2",
                    .pre = "jina-v2-de",
                    .tokens = masked,
                    .token_n = 3,
                    .types = kinds,
                    .merges = merges };
    Vb vb;
    HthErr err;
    char room[256];
    vb_write(&gguf, &spec);
    assert_ok(vb_open(&vb, &gguf, &err), err);
    assert_string_equal(parts(vb.v, HTH_STR("a \n <mask> b"), false, room), "[a]2[ b]");
    assert_string_equal(parts(vb.v, HTH_STR("  <mask>"), false, room), "2");
    assert_string_equal(parts(vb.v, HTH_STR("<mask>  <mask>"), false, room), "22");
    vb_close(&vb);
}

/* The reference's way: each token in turn, longest first, cut out of every plain stretch. */
static void slow(const HthVocab *v, HthStr text, bool all, uint32_t *owner) {
    for (size_t i = 0; i < text.n; i++) owner[i] = HTH_TOKEN_NONE;
    for (uint32_t k = 0; k < v->special_n; k++) {
        uint32_t id = v->special[k];
        HthStr t = v->text[id];
        if (!all && !(v->attr[id] & HTH_ATTR_USER)) continue;
        for (size_t i = 0; i + t.n <= text.n; i++) {
            bool free = memcmp(text.p + i, t.p, t.n) == 0;
            for (size_t j = 0; free && j < t.n; j++) free = owner[i + j] == HTH_TOKEN_NONE;
            for (size_t j = 0; free && j < t.n; j++) owner[i + j] = id;
        }
    }
}

static void like_the_slow_way(void **state) {
    (void)state;
    Vb vb;
    make(&vb, NULL);
    for (uint32_t round = 0; round < 3000; round++) {
        static const char *const bits[] = { "<", "x", ">", "s", " ", "<x>", "<s>", "</s>", "s><x" };
        char text[100];
        uint32_t owner[100], got[100];
        HthFragments f = { 0 };
        HthErr err;
        size_t n = 0;
        while (n < 40) {
            const char *bit = bits[hth_rng_below(1, round, n, HTH_COUNT(bits))];
            memcpy(text + n, bit, strlen(bit));
            n += strlen(bit);
        }
        HthStr s = { text, n };
        slow(vb.v, s, round % 2, owner);
        assert_ok(hth_partition(vb.v, s, round % 2, NULL, &f, &err), err);
        size_t at = 0;
        for (uint32_t i = 0; i != UINT32_MAX; i = f.p[i].next) {
            assert_int_equal(f.p[i].at, at);
            for (size_t j = 0; j < f.p[i].n; j++) got[at++] = f.p[i].token;
        }
        assert_int_equal(at, n);
        assert_memory_equal(got, owner, n * sizeof *got);
        hth_free(f.p);
    }
    vb_close(&vb);
}

/* Control tokens are not found where somebody typed them; user tokens are part of any text. */
static void marked_text(void **state) {
    (void)state;
    static const struct {
        const char *text, *marks, *want;
    } rows[] = {
        { "<s>a</s>", "\0\0\0\1\0\0\0\0", "1[a]2" },
        { "<s>a</s>", "\1\1\1\1\0\0\0\0", "[<s>a]2" },
        { "<s>a</s>", "\0\0\0\0\0\0\0\1", "1[a</s>]" },
        { "<s><s><s>", "\0\0\0\0\1\0\0\0\0", "1[<s>]1" },
        { "<<s>s><s>", "\0\1\1\1\0\0\0\0\0", "[<<s>s>]1" },
        { "<x><s><x>", "\1\1\1\1\1\1\1\1\1", "4[<s>]4" },
        { "<|ctl|>", "\0\0\1\1\1\0\0", "[<|ctl|>]" },
        { "<unk>", "\1\1\1\1\1", "[<unk>]" },
    };
    Vb vb;
    char room[256];
    make(&vb, NULL);
    for (size_t i = 0; i < HTH_COUNT(rows); i++)
        assert_string_equal(marked_parts(vb.v, hth_str(rows[i].text), true, rows[i].marks, room),
                            rows[i].want);
    vb_close(&vb);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_tokens),      cmocka_unit_test(longest_wins_over_the_whole_text),
        cmocka_unit_test(blanks_around),     cmocka_unit_test(blanks_before),
        cmocka_unit_test(like_the_slow_way), cmocka_unit_test(marked_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
