/* note_test.c - keys, notes, checkpoints, proofs: published ones, ours, every way to break one. */
#include "support/test.h"

#include "audit/note.h"
#include "audit/proof.h"

#define PUBLISHED "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"

typedef struct Keys {
    HthSigner *signer;
    HthVkey v;
} Keys;

static Keys keys(const char *name, uint8_t seed_byte) {
    Keys k = { 0 };
    HthErr err;
    uint8_t seed[HTH_SEED_BYTES];
    memset(seed, seed_byte, sizeof seed);
    assert_ok(hth_signer_open(&k.signer, seed, &err), err);
    assert_ok(hth_vkey_make(&k.v, hth_str(name), hth_signer_public(k.signer), &err), err);
    return k;
}

/* ---- keys ----------------------------------------------------------------------------------- */

static void verifier_keys(void **state) {
    (void)state;
    HthVkey v, again;
    HthErr err;
    HthBuf text;
    hth_buf_init(&text, 4096);
    assert_ok(hth_vkey_parse(&v, HTH_STR(PUBLISHED), &err), err);
    assert_string_equal(v.name, "example.com/log/testdata");
    assert_int_equal(v.id, 0x33d7b496);
    assert_ok(hth_vkey_print(&text, &v, &err), err);
    assert_string_equal(text.p, PUBLISHED);
    /* Every bit of it: the id says what name and key must be. */
    for (size_t i = 0; i < text.n * 8; i++) {
        text.p[i / 8] ^= (char)(1 << i % 8);
        if (hth_vkey_parse(&again, hth_buf_str(&text), &err) == HTH_OK)
            fail_msg("bit %zu flipped: taken", i);
        text.p[i / 8] ^= (char)(1 << i % 8);
    }
    for (size_t n = 0; n < text.n; n++)
        if (hth_vkey_parse(&again, hth_str_sub(hth_buf_str(&text), 0, n), &err) == HTH_OK)
            fail_msg("%zu bytes: taken", n);
    hth_buf_drop(&text);

    static const char *const bad[] = { "",
                                       "a b",
                                       "a+b",
                                       "a\tb",
                                       "a\xE2\x80\x83"
                                       "b",
                                       "a\xFF",
                                       "a\nb",
                                       "\xC2\xA0here",
                                       "a\xE3\x80\x80"
                                       "b" };
    for (size_t i = 0; i < HTH_COUNT(bad); i++)
        assert_status(hth_vkey_make(&again, hth_str(bad[i]), v.key, &err), HTH_EINVAL, err);
    assert_ok(hth_vkey_make(&again,
                            HTH_STR("gr\xC3\xBC\xC3\x9F"
                                    ".example/log"),
                            v.key, &err),
              err);
}

/* ---- notes ---------------------------------------------------------------------------------- */

static void signs(void **state) {
    (void)state;
    Keys k = keys("here.example/log", 7), other = keys("here.example/log", 8);
    HthErr err;
    HthBuf note;
    HthStr text;
    hth_buf_init(&note, HTH_NOTE_MAX);
    const HthStr said = HTH_STR("one\n\ntwo \xC3\xA9\n");
    assert_ok(hth_note_sign(&note, said, &k.v, k.signer, &err), err);
    assert_ok(hth_note_open(&text, hth_buf_str(&note), &k.v, &err), err);
    assert_true(hth_str_eq(text, said));
    assert_status(hth_note_open(&text, hth_buf_str(&note), &other.v, &err), HTH_EFORMAT, err);

    /* Any bit, any length. */
    for (size_t i = 0; i < note.n * 8; i++) {
        note.p[i / 8] ^= (char)(1 << i % 8);
        if (hth_note_open(&text, hth_buf_str(&note), &k.v, &err) == HTH_OK)
            fail_msg("bit %zu flipped: taken", i);
        note.p[i / 8] ^= (char)(1 << i % 8);
    }
    for (size_t n = 0; n < note.n; n++)
        if (hth_note_open(&text, hth_str_sub(hth_buf_str(&note), 0, n), &k.v, &err) == HTH_OK)
            fail_msg("%zu bytes: taken", n);

    /* Signatures of others are passed over; a wrong one under our name and id is not. */
    HthStr whole = hth_buf_str(&note);
    const size_t at = said.n + 1;
    const HthStr ours = hth_str_sub(whole, at, whole.n);
    HthBuf many;
    hth_buf_init(&many, HTH_NOTE_MAX);
    for (unsigned others = 0; others < 70; others++) {
        hth_buf_clear(&many);
        assert_ok(hth_buf_printf(&many, &err, "%.*s\n", HTH_STR_ARG(said)), err);
        for (unsigned i = 0; i < others; i++)
            assert_ok(hth_buf_add_str(&many, HTH_STR("\xE2\x80\x94 witness AAAAAAAA\n"), &err),
                      err);
        assert_ok(hth_buf_add_str(&many, ours, &err), err);
        assert_status(hth_note_open(&text, hth_buf_str(&many), &k.v, &err),
                      others < HTH_NOTE_SIGNATURES ? HTH_OK : HTH_EFORMAT, err);
    }
    many.n = 0;
    assert_ok(hth_buf_add_str(&many, whole, &err), err);
    HthBuf forged;
    hth_buf_init(&forged, HTH_NOTE_MAX);
    HthVkey mask = other.v;
    mask.id = k.v.id;
    assert_ok(hth_note_sign(&forged, said, &mask, other.signer, &err), err);
    assert_ok(hth_buf_add_str(&many, hth_str_sub(hth_buf_str(&forged), at, forged.n), &err), err);
    assert_status(hth_note_open(&text, hth_buf_str(&many), &k.v, &err), HTH_EFORMAT, err);

    assert_status(hth_note_sign(&forged, HTH_STR("no end"), &k.v, k.signer, &err), HTH_EINVAL, err);
    assert_status(hth_note_sign(&forged, HTH_STR("bell\a\n"), &k.v, k.signer, &err), HTH_EINVAL,
                  err);
    hth_buf_drop(&forged);
    hth_buf_drop(&many);
    hth_buf_drop(&note);
    hth_signer_close(&k.signer);
    hth_signer_close(&other.signer);
}

static void malformed(void **state) {
    (void)state;
    Keys k = keys("log", 1);
    HthErr err;
    HthStr text;
    static const char *const bad[] = {
        "",
        "\n",
        "\n\n",
        "text\n",
        "text\n\n",
        "text\n\nlog AAAAAAAA\n",
        "text\n\n\xE2\x80\x94 log\n",
        "text\n\n\xE2\x80\x94 log \n",
        "text\n\n\xE2\x80\x94  AAAAAAAA\n",
        "text\n\n\xE2\x80\x94 log AAAA\n",
        "text\n\n\xE2\x80\x94 log AAAAAAA\n",
        "text\n\n\xE2\x80\x94 log AAAAAAAA",
        "text\n\n\xE2\x80\x94 l+g AAAAAAAA\n",
        "text\n\n\xE2\x80\x94 l\xC2\xA0g AAAAAAAA\n",
        "text\n\n\xE2\x80\x94 l\xE2\x80\x83g AAAAAAAA\n",
        "text\n\n\xE2\x80\x94 l\xE3\x80\x80g AAAAAAAA\n",
        "text\n\n\xE2\x80\x94 log AAAAAAAA \n",
        "text\n\n\xE2\x80\x94 log AAAAAA_-\n",
        "text\n\n\xE2\x80\x94 log AAAAAAB=\n",
        "text\n\n\xE2\x80\x94 log AAAAAAA=\r\n",
        "te\rxt\n\n\xE2\x80\x94 log AAAAAAAA\n",
        "te\xFFxt\n\n\xE2\x80\x94 log AAAAAAAA\n",
    };
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        err.text[0] = 0;
        assert_status(hth_note_open(&text, hth_str(bad[i]), &k.v, &err), HTH_EFORMAT, err);
        assert_true(err.text[0]);
    }
    /* Nor beside a good one. */
    HthBuf note;
    hth_buf_init(&note, 4096);
    assert_ok(hth_note_sign(&note, HTH_STR("text\n"), &k.v, k.signer, &err), err);
    const size_t good = note.n;
    static const struct {
        const char *name;
        HthStatus want;
    } others[] = { { "witness", HTH_OK },         { "wit+ness", HTH_EFORMAT },
                   { "w\xC2\xA0s", HTH_EFORMAT }, { "w\xE2\x80\xA8s", HTH_EFORMAT },
                   { "w\xC2\x85s", HTH_EFORMAT }, { "w\xC3\xA9s", HTH_OK } };
    for (size_t i = 0; i < HTH_COUNT(others); i++) {
        note.n = good;
        assert_ok(hth_buf_printf(&note, &err, "\xE2\x80\x94 %s AAAAAAAA\n", others[i].name), err);
        assert_status(hth_note_open(&text, hth_buf_str(&note), &k.v, &err), others[i].want, err);
    }
    hth_buf_drop(&note);
    hth_signer_close(&k.signer);
}

/* ---- checkpoints ---------------------------------------------------------------------------- */

static void published_checkpoints(void **state) {
    (void)state;
    HthVkey v;
    HthErr err;
    assert_ok(hth_vkey_parse(&v, HTH_STR(PUBLISHED), &err), err);
    unsigned taken = 0;
    for (int i = -1; i <= 15; i++) {
        char name[64], path[512];
        snprintf(name, sizeof name,
                 i < 0 ? "vectors/tlog/testdata/log/checkpoint"
                       : "vectors/tlog/testdata/log/checkpoint.%d",
                 i);
        TEST_DATA_OR_SKIP(path, name);
        HthBuf note;
        HthCheckpoint c;
        test_load(&note, path);
        assert_ok(hth_checkpoint_open(&c, hth_buf_str(&note), &v, &err), err);
        if (i >= 0) assert_int_equal(c.size, i);
        assert_true(hth_str_eq(c.origin, HTH_STR("example.com/log/testdata")));

        HthBuf text; /* as we would have written it */
        hth_buf_init(&text, 4096);
        assert_ok(hth_checkpoint_print(&text, &c, &err), err);
        assert_memory_equal(text.p, note.p, text.n);
        hth_buf_drop(&text);
        hth_buf_drop(&note);
        taken++;
    }
    assert_int_equal(taken, 17);
}

static void checkpoint_lines(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok;
    } cases[] = {
        { "o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", true },
        { "o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nmore\n", true },
        { "o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nmore\n\n", false },
        { "o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nmore", false },
        { "o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\n", false },
        { "o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n", false },
        { "o\n00\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", false },
        { "o\n+1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", false },
        { "o\n-1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", false },
        { "o\n18446744073709551615\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", true },
        { "o\n18446744073709551616\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", false },
        { "\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", false },
        { "o\n0\n", false },
        { "o\n0\nAAAA\n", false },
        { "o\a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", false },
        { "\xFF\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", false },
        { "", false },
    };
    HthErr err;
    HthCheckpoint c;
    for (size_t i = 0; i < HTH_COUNT(cases); i++)
        assert_status(hth_checkpoint_parse(&c, hth_str(cases[i].text), &err),
                      cases[i].ok ? HTH_OK : HTH_EFORMAT, err);
    HthBuf out;
    hth_buf_init(&out, 4096);
    c = (HthCheckpoint){ .origin = HTH_STR("two\nlines") };
    assert_status(hth_checkpoint_print(&out, &c, &err), HTH_EINVAL, err);
    hth_buf_drop(&out);
}

/* ---- proof files ---------------------------------------------------------------------------- */

static void proof_files(void **state) {
    (void)state;
    Keys k = keys("here.example/log", 3);
    HthErr err;
    static HthProofFile p, back;
    uint8_t leaf[2][HTH_HASH_BYTES];
    HthCheckpoint c = { .origin = hth_str(k.v.name), .size = 2 };
    HthBuf text, note, file;
    uint64_t size = 0;
    hth_buf_init(&text, 4096);
    hth_buf_init(&note, 4096);
    hth_buf_init(&file, 8192);
    hth_tree_leaf(HTH_SHA3_256, "a", 1, leaf[0]);
    hth_tree_leaf(HTH_SHA3_256, "b", 1, leaf[1]);
    hth_tree_node(HTH_SHA3_256, leaf[0], leaf[1], c.root);
    assert_ok(hth_checkpoint_print(&text, &c, &err), err);
    assert_ok(hth_note_sign(&note, hth_buf_str(&text), &k.v, k.signer, &err), err);
    p = (HthProofFile){ .index = 1, .extra = HTH_STR("more"), .checkpoint = hth_buf_str(&note) };
    p.proof.count = 1;
    memcpy(p.proof.hash[0], leaf[0], HTH_HASH_BYTES);
    assert_ok(hth_proof_print(&file, &p, &err), err);
    assert_ok(hth_proof_parse(&back, hth_buf_str(&file), &err), err);
    assert_true(hth_str_eq(back.extra, HTH_STR("bW9yZQ==")));
    assert_ok(hth_proof_check(&back, HTH_SHA3_256, HTH_STR("b"), &k.v, &size, &err), err);
    assert_int_equal(size, 2);
    assert_status(hth_proof_check(&back, HTH_SHA3_256, HTH_STR("c"), &k.v, &size, &err),
                  HTH_EFORMAT, err);
    assert_status(hth_proof_check(&back, HTH_SHA256, HTH_STR("b"), &k.v, &size, &err), HTH_EFORMAT,
                  err);
    /* Any bit: what is left of the line that nobody signs is the exception. */
    const size_t from = hth_str_find(hth_buf_str(&file), HTH_STR("bW9y"));
    for (size_t i = 0; i < file.n * 8; i++) {
        if (i / 8 >= from && i / 8 < from + 8) continue;
        file.p[i / 8] ^= (char)(1 << i % 8);
        if (hth_proof_parse(&back, hth_buf_str(&file), &err) == HTH_OK &&
            hth_proof_check(&back, HTH_SHA3_256, HTH_STR("b"), &k.v, &size, &err) == HTH_OK)
            fail_msg("bit %zu flipped: taken", i);
        file.p[i / 8] ^= (char)(1 << i % 8);
    }
    for (size_t n = 0; n < file.n; n++)
        if (hth_proof_parse(&back, hth_str_sub(hth_buf_str(&file), 0, n), &err) == HTH_OK &&
            hth_proof_check(&back, HTH_SHA3_256, HTH_STR("b"), &k.v, &size, &err) == HTH_OK)
            fail_msg("%zu bytes: taken", n);
    hth_buf_drop(&text);
    hth_buf_drop(&note);
    hth_buf_drop(&file);
    hth_signer_close(&k.signer);
}

#define FIRST "c2sp.org/tlog-proof@v1\n"
#define HASH  "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"

/* What has one spelling has no other. */
static void proof_lines(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok;
    } rows[] = {
        { FIRST "index 0\n\nnote\n", true },
        { FIRST "extra Zm9v\nindex 18446744073709551615\n" HASH HASH "\nnote\n", true },
        { FIRST "index 18446744073709551616\n\nnote\n", false },
        { FIRST "index 00\n\nnote\n", false },
        { FIRST "index +0\n\nnote\n", false },
        { FIRST "index -0\n\nnote\n", false },
        { FIRST "index 0x1\n\nnote\n", false },
        { FIRST "index  0\n\nnote\n", false },
        { FIRST "index 0 \n\nnote\n", false },
        { FIRST "index \n\nnote\n", false },
        { FIRST "index 0\r\n\r\nnote\n", false },
        { FIRST "Index 0\n\nnote\n", false },
        { FIRST "index 0\nindex 0\n\nnote\n", false },
        { FIRST "extra \nindex 0\n\nnote\n", false },
        { FIRST "extra Zm9v\nextra Zm9v\nindex 0\n\nnote\n", false },
        { FIRST "index 0\nextra Zm9v\n\nnote\n", false },
        { FIRST "index 0\n " HASH "\nnote\n", false },
        { FIRST "index 0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n\nnote\n", false },
        { FIRST "index 0\n47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=\n\nnote\n", false },
        { FIRST "index 0\n" HASH, false },
        { "\n" FIRST "index 0\n\nnote\n", false },
        { "\xef\xbb\xbf" FIRST "index 0\n\nnote\n", false },
        { "c2sp.org/tlog-proof@v1\r\nindex 0\n\nnote\n", false },
        { "c2sp.org/tlog-proof@v2\nindex 0\n\nnote\n", false },
        { "", false },
    };
    static HthProofFile p;
    HthErr err;
    for (size_t i = 0; i < HTH_COUNT(rows); i++)
        if (hth_proof_parse(&p, hth_str(rows[i].text), &err) != (rows[i].ok ? HTH_OK : HTH_EFORMAT))
            fail_msg("row %zu", i);
}

/* ---- running out of memory ------------------------------------------------------------------ */

static HthStatus all(void *ctx) {
    const Keys *k = ctx;
    HthErr err;
    HthBuf note, key;
    HthStr text;
    HthVkey v;
    hth_buf_init(&note, 4096);
    hth_buf_init(&key, 4096);
    HthCheckpoint c = { .origin = hth_str(k->v.name), .size = 9 };
    HthStatus status = hth_vkey_print(&key, &k->v, &err);
    if (status == HTH_OK) status = hth_vkey_parse(&v, hth_buf_str(&key), &err);
    if (status == HTH_OK) status = hth_checkpoint_print(&key, &c, &err);
    if (status == HTH_OK) status = hth_note_sign(&note, HTH_STR("text\n"), &v, k->signer, &err);
    if (status == HTH_OK) status = hth_note_open(&text, hth_buf_str(&note), &v, &err);
    hth_buf_drop(&key);
    hth_buf_drop(&note);
    return status;
}

static void torture(void **state) {
    (void)state;
    Keys k = keys("log", 1);
    assert_true(test_torture(all, &k, 100) >= 3);
    hth_signer_close(&k.signer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verifier_keys),    cmocka_unit_test(signs),
        cmocka_unit_test(malformed),        cmocka_unit_test(published_checkpoints),
        cmocka_unit_test(checkpoint_lines), cmocka_unit_test(proof_files),
        cmocka_unit_test(proof_lines),      cmocka_unit_test(torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
