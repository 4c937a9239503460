/* entry_test.c - entries there and back, what they refuse, and texts: none, committed, sealed. */
#include "support/test.h"

#include "audit/content.h"
#include "audit/tree.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/rng.h"

static void start(HthEntry *e) {
    static const uint8_t build[HTH_HASH_BYTES] = { 0xab, 1 };
    hth_entry_begin(e, HTH_ENTRY_START);
    hth_entry_digest(e, HTH_FIELD_BUILD, build);
    hth_entry_text(e, HTH_FIELD_CAGE, HTH_STR("seccomp+landlock"));
}

static void there_and_back(void **state) {
    (void)state;
    HthEntry e, back;
    HthErr err;
    HthBuf text, room;
    hth_clock_fake(1, 1790000000);
    start(&e);
    hth_clock_fake(UINT64_MAX, 0);
    hth_buf_init(&text, HTH_LEAF_MAX);
    hth_buf_init(&room, HTH_LEAF_MAX);
    assert_ok(hth_entry_write(&text, &e, &err), err);
    assert_string_equal(text.p, "{\"build\":\"ab01000000000000000000000000000000000000000000000000"
                                "000000000000\",\"cage\":\"seccomp+landlock\",\"time\":1790000000,"
                                "\"type\":\"start\",\"v\":1}");
    assert_ok(hth_entry_read(&back, &room, hth_buf_str(&text), &err), err);
    assert_int_equal(back.type, HTH_ENTRY_START);
    assert_int_equal(back.time_s, 1790000000);
    assert_true(hth_str_eq(back.v[HTH_FIELD_CAGE].text, HTH_STR("seccomp+landlock")));
    assert_memory_equal(back.v[HTH_FIELD_BUILD].digest, e.v[HTH_FIELD_BUILD].digest, 32);

    /* Nothing is read that would be written otherwise. */
    for (size_t i = 0; i < 8 * text.n; i++) {
        HthBuf again;
        text.p[i / 8] ^= (char)(1 << i % 8);
        hth_buf_init(&again, HTH_LEAF_MAX);
        hth_buf_clear(&room);
        if (hth_entry_read(&back, &room, hth_buf_str(&text), &err) == HTH_OK) {
            assert_ok(hth_entry_write(&again, &back, &err), err);
            assert_true(hth_str_eq(hth_buf_str(&again), hth_buf_str(&text)));
        }
        hth_buf_drop(&again);
        text.p[i / 8] ^= (char)(1 << i % 8);
    }
    hth_buf_drop(&room);
    hth_buf_drop(&text);
}

/* Seeded entries of every kind with every field: what the table allows comes back, what it does not
 * is refused. */
static void every_kind(void **state) {
    (void)state;
    unsigned taken = 0, refused = 0;
    for (uint64_t seed = 0; seed < 4000; seed++) {
        HthEntry e, back;
        HthErr err = { 0 };
        HthBuf text, room;
        hth_entry_begin(&e, (HthEntryType)(seed % HTH_ENTRY_TYPES));
        for (unsigned f = 0; f < HTH_ENTRY_FIELDS; f++) {
            if (hth_rng_below(seed, 1, f, 100) >= (seed % 3 ? 6 : 40)) continue;
            e.v[f].there = true;
            e.v[f].text =
                hth_rng_below(seed, 2, f, 9) ? HTH_STR("\xC3\xA9 \"\\ a") : HTH_STR("a\nb");
            e.v[f].number = (uint64_t)hth_rng_u32(seed, 3, f) << hth_rng_below(seed, 4, f, 23);
        }
        hth_buf_init(&text, HTH_LEAF_MAX);
        hth_buf_init(&room, HTH_LEAF_MAX);
        if (hth_entry_write(&text, &e, &err) == HTH_OK) {
            assert_ok(hth_entry_read(&back, &room, hth_buf_str(&text), &err), err);
            for (unsigned f = 0; f < HTH_ENTRY_FIELDS; f++)
                assert_int_equal(back.v[f].there, e.v[f].there);
            taken++;
        } else {
            assert_int_equal(err.status, HTH_EINVAL);
            assert_true(err.text[0] && text.n == 0);
            refused++;
        }
        hth_buf_drop(&text);
        hth_buf_drop(&room);
    }
    assert_true(taken > 50 && refused > 50);
}

static void refused(void **state) {
    (void)state;
    HthEntry e;
    HthErr err;
    HthBuf text;
    char longer[400];
    memset(longer, 'a', sizeof longer);
    hth_buf_init(&text, HTH_LEAF_MAX);
    hth_entry_begin(&e, HTH_ENTRY_START);
    assert_status(hth_entry_write(&text, &e, &err), HTH_EINVAL, err);
    assert_non_null(strstr(err.text, "must have"));
    start(&e);
    hth_entry_text(&e, HTH_FIELD_MODEL, HTH_STR("m"));
    assert_status(hth_entry_write(&text, &e, &err), HTH_EINVAL, err);
    assert_non_null(strstr(err.text, "model"));
    static const char *const bad[] = { "", "a\tb", "a\x7f", "\xff" };
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        start(&e);
        hth_entry_text(&e, HTH_FIELD_CAGE, hth_str(bad[i]));
        assert_status(hth_entry_write(&text, &e, &err), HTH_EINVAL, err);
    }
    start(&e);
    hth_entry_text(&e, HTH_FIELD_CAGE, (HthStr){ longer, sizeof longer });
    assert_status(hth_entry_write(&text, &e, &err), HTH_EINVAL, err);
    assert_null(strstr(err.text, "aaa")); /* and is not quoted */
    hth_entry_begin(&e, HTH_ENTRY_REPAIRED);
    hth_entry_number(&e, HTH_FIELD_BYTES, (uint64_t)1 << 53);
    assert_status(hth_entry_write(&text, &e, &err), HTH_EINVAL, err);
    hth_buf_drop(&text);
}

/* Canonical JSON, and no entry. */
static void misread(void **state) {
    (void)state;
    static const struct {
        const char *text;
        HthStatus want;
    } rows[] = {
        { "{\"time\":1,\"type\":\"stop\",\"v\":1}", HTH_OK },
        { "{\"time\":1,\"type\":\"stop\\u0000\",\"v\":1}", HTH_EFORMAT },
        { "{\"time\":1,\"type\":\"stop\\u0000pped\",\"v\":1}", HTH_EFORMAT },
        { "{\"time\":1,\"type\":\"\",\"v\":1}", HTH_EFORMAT },
        { "{\"time\":1,\"type\":null,\"v\":1}", HTH_EFORMAT },
        { "{\"time\":1,\"v\":1}", HTH_EFORMAT },
        { "{\"time\":-1,\"type\":\"stop\",\"v\":1}", HTH_EFORMAT },
        { "{\"time\":1.5,\"type\":\"stop\",\"v\":1}", HTH_EFORMAT },
        { "{\"time\":\"1\",\"type\":\"stop\",\"v\":1}", HTH_EFORMAT },
        { "{\"time\":1,\"type\":\"stop\",\"v\":2}", HTH_ENOTSUP },
        { "{\"time\":1,\"type\":\"stop\",\"v\":true}", HTH_ENOTSUP },
        { "{\"reason\":\"a\\u0000b\",\"time\":1,\"type\":\"stop\",\"v\":1}", HTH_EFORMAT },
        { "{\"bytes\":1,\"time\":1,\"type\":\"repaired\",\"v\":1}", HTH_OK },
        { "{\"bytes\":9007199254740992,\"time\":1,\"type\":\"repaired\",\"v\":1}", HTH_EFORMAT },
        { "{\"bytes\":1e21,\"time\":1,\"type\":\"repaired\",\"v\":1}", HTH_EFORMAT },
        { "[{\"time\":1,\"type\":\"stop\",\"v\":1}]", HTH_ENOTSUP },
        { "\"stop\"", HTH_ENOTSUP },
    };
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        HthEntry e;
        HthErr err = { 0 };
        HthBuf room;
        hth_buf_init(&room, HTH_LEAF_MAX);
        const HthStatus got = hth_entry_read(&e, &room, hth_str(rows[i].text), &err);
        if (got != rows[i].want) fail_msg("%s: %s", rows[i].text, hth_status_name(got));
        hth_buf_drop(&room);
    }
}

/* ---- texts ---------------------------------------------------------------------------------- */

typedef struct Keys {
    uint8_t key[HTH_AEAD_KEY_BYTES];
    bool gone;
} Keys;

static HthStatus key_of(void *payload, HthStr subject, bool make, uint8_t out[HTH_AEAD_KEY_BYTES],
                        HthErr *err) {
    const Keys *k = payload;
    (void)make;
    HTH_REQUIRE(!k->gone, err, HTH_EDENIED, "the key of this subject was destroyed");
    memcpy(out, k->key, sizeof k->key);
    out[0] ^= (uint8_t)subject.n;
    return HTH_OK;
}

static void texts(void **state) {
    (void)state;
    Keys k = { .key = "0123456789012345678901234567890" };
    const HthContentKeys keys = { key_of, NULL, &k };
    const HthStr said = HTH_STR("a canary that nobody may find: 7d1f");
    HthErr err;
    for (HthContent mode = HTH_CONTENT_NONE; mode <= HTH_CONTENT_ENCRYPTED; mode++) {
        HthEntry e, back;
        HthBuf text, room, sealed, out;
        HthContent named;
        assert_true(hth_content_parse(&named, hth_str(hth_content_name(mode))) && named == mode);
        hth_buf_init(&text, HTH_LEAF_MAX);
        hth_buf_init(&room, HTH_LEAF_MAX);
        hth_buf_init(&sealed, 4096);
        hth_buf_init(&out, 4096);
        hth_entry_begin(&e, HTH_ENTRY_ACCEPTED);
        hth_entry_text(&e, HTH_FIELD_REQUEST, HTH_STR("r-1"));
        assert_ok(hth_content_put(&e, &sealed, mode, HTH_STR("subject-9"), said, &keys, &err), err);
        assert_ok(hth_entry_write(&text, &e, &err), err);
        assert_ok(hth_entry_read(&back, &room, hth_buf_str(&text), &err), err);
        assert_ok(hth_content_check(&back, hth_buf_str(&sealed), &err), err);
        assert_null(memmem(text.p, text.n, "canary", 6));
        if (sealed.n) assert_null(memmem(sealed.p, sealed.cap, "canary", 6));
        static const size_t bytes[] = { 0, 24 + 32 + 16, 24 + 32 + 16 + 35 };
        assert_int_equal(sealed.n, bytes[mode]);
        const HthStatus want = mode == HTH_CONTENT_ENCRYPTED ? HTH_OK : HTH_EINVAL;
        assert_status(hth_content_get(&out, &back, hth_buf_str(&sealed), &keys, &err), want, err);
        if (mode == HTH_CONTENT_ENCRYPTED) {
            assert_true(hth_str_eq(hth_buf_str(&out), said));
            k.gone = true; /* erased: the entry stays, the text does not */
            assert_status(hth_content_get(&out, &back, hth_buf_str(&sealed), &keys, &err),
                          HTH_EDENIED, err);
            assert_ok(hth_content_check(&back, hth_buf_str(&sealed), &err), err);
            k.gone = false;
            k.key[5] ^= 1;
            assert_status(hth_content_get(&out, &back, hth_buf_str(&sealed), &keys, &err),
                          HTH_EDENIED, err);
            k.key[5] ^= 1;
        }
        for (size_t i = 0; i < sealed.n; i++) {
            sealed.p[i] ^= 4;
            assert_status(hth_content_check(&back, hth_buf_str(&sealed), &err), HTH_EFORMAT, err);
            sealed.p[i] ^= 4;
        }
        hth_buf_drop(&text);
        hth_buf_drop(&room);
        hth_buf_drop(&sealed);
        hth_buf_drop(&out);
    }
}

/* The same text twice: nothing of the two entries is alike. */
static void salted(void **state) {
    (void)state;
    Keys k = { 0 };
    const HthContentKeys keys = { key_of, NULL, &k };
    HthErr err;
    HthEntry a, b;
    HthBuf sealed;
    hth_buf_init(&sealed, 4096);
    hth_entry_begin(&a, HTH_ENTRY_ACCEPTED);
    hth_entry_begin(&b, HTH_ENTRY_ACCEPTED);
    assert_ok(
        hth_content_put(&a, &sealed, HTH_CONTENT_COMMIT, HTH_STR("s"), HTH_STR("yes"), &keys, &err),
        err);
    assert_ok(
        hth_content_put(&b, &sealed, HTH_CONTENT_COMMIT, HTH_STR("s"), HTH_STR("yes"), &keys, &err),
        err);
    assert_memory_not_equal(a.v[HTH_FIELD_COMMIT].digest, b.v[HTH_FIELD_COMMIT].digest, 32);
    assert_memory_not_equal(sealed.p, sealed.p + sealed.n / 2, 24);
    hth_buf_drop(&sealed);
}

static HthStatus all(void *ctx) {
    Keys k = { 0 };
    const HthContentKeys keys = { key_of, NULL, &k };
    HthErr err;
    HthEntry e, back;
    HthBuf text, room, sealed, out;
    (void)ctx;
    hth_buf_init(&text, HTH_LEAF_MAX);
    hth_buf_init(&room, HTH_LEAF_MAX);
    hth_buf_init(&sealed, 4096);
    hth_buf_init(&out, 4096);
    hth_entry_begin(&e, HTH_ENTRY_ACCEPTED);
    hth_entry_text(&e, HTH_FIELD_REQUEST, HTH_STR("r"));
    HthStatus status = hth_content_put(&e, &sealed, HTH_CONTENT_ENCRYPTED, HTH_STR("s"),
                                       HTH_STR("text"), &keys, &err);
    if (status == HTH_OK) status = hth_entry_write(&text, &e, &err);
    if (status == HTH_OK) status = hth_entry_read(&back, &room, hth_buf_str(&text), &err);
    if (status == HTH_OK) status = hth_content_get(&out, &back, hth_buf_str(&sealed), &keys, &err);
    hth_buf_drop(&text);
    hth_buf_drop(&room);
    hth_buf_drop(&sealed);
    hth_buf_drop(&out);
    return status;
}

static void torture(void **state) {
    (void)state;
    assert_true(test_torture(all, NULL, 400) > 10);
}

int main(void) {
    hth_json_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back), cmocka_unit_test(every_kind), cmocka_unit_test(refused),
        cmocka_unit_test(misread),        cmocka_unit_test(texts),      cmocka_unit_test(salted),
        cmocka_unit_test(torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
